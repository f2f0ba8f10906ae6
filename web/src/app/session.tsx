// Who is signed in, and which customer environment is open.
import { useQuery } from "@tanstack/react-query";
import { createContext, useContext, useState } from "react";
import { api, must } from "../api/client";
import { SESSION_KEY } from "../api/query";
import type { CustomerRef, Id, Session } from "../api/types";

const STORED = "godwit.customer";

export function useSession() {
  return useQuery({
    queryKey: SESSION_KEY,
    queryFn: () => must<Session>(api.GET("/session")),
    staleTime: 60_000,
    retry: false,
  });
}

type Choice = { session: Session; customer: CustomerRef | undefined; choose: (id: Id) => void };
const Chosen = createContext<Choice | null>(null);

export function CustomerChoice({ session, children }: { session: Session; children: React.ReactNode }) {
  const [id, setId] = useState(() => localStorage.getItem(STORED));
  const customer = session.customers.find((one) => one.id === id) ?? session.customers[0];
  const choose = (next: Id) => {
    localStorage.setItem(STORED, next);
    setId(next);
  };
  return <Chosen value={{ session, customer, choose }}>{children}</Chosen>;
}

export function useChoice(): Choice {
  const choice = useContext(Chosen);
  if (!choice) throw new Error("used outside of the frame");
  return choice;
}

/** Id of the open customer environment. Pages are only shown when there is one. */
export function useCustomer(): Id {
  const { customer } = useChoice();
  if (!customer) throw new Error("no customer environment");
  return customer.id;
}
