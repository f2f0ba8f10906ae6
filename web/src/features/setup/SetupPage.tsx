// The first conversation with a new server.
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { api, must } from "../../api/client";
import { faultOf } from "../../api/problem";
import type { SetupDone } from "../../api/types";
import { text as frame } from "../../app/text";
import { TextField } from "../../ui/fields";
import { submit, useDraft } from "../../ui/form";
import { Loading } from "../../ui/Loading";
import { Page } from "../../ui/Page";
import { ProblemNote } from "../../ui/ProblemNote";
import { SaveBar } from "../../ui/SaveBar";
import { RecoveryKey } from "./RecoveryKey";
import { text } from "./text";
import { tokenOf } from "./token";

export default function SetupPage() {
  const state = useQuery({
    queryKey: ["setup"],
    queryFn: () => must<{ needed: boolean }>(api.GET("/setup")),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const [done, setDone] = useState<SetupDone | null>(null);
  return (
    <main className="alone">
      <div className="card">
        <p className="brand">
          <img src="/favicon.svg" alt="" />
          <span className="word">{frame.product}</span>
        </p>
        {done ? (
          <RecoveryKey recoveryKey={done.recovery_key} />
        ) : (
          <Page title={text.title} lead={state.data?.needed ? text.lead : undefined}>
            {state.isPending && <Loading />}
            <ProblemNote error={state.error} />
            {state.data?.needed === true && <SetupForm done={setDone} />}
            {state.data?.needed === false && (
              <div className="stack">
                <p className="note ok">{text.done}</p>
                <Link className="button primary" to="/sign-in">
                  {text.signIn}
                </Link>
              </div>
            )}
          </Page>
        )}
      </div>
    </main>
  );
}

function SetupForm({ done }: { done: (answer: SetupDone) => void }) {
  const [given] = useState(() => tokenOf(window.location.hash));
  const { value, set } = useDraft({ token: given, name: "", password: "", again: "", customer_name: "" });
  const differs = value.again !== "" && value.again !== value.password;
  const send = useMutation({
    mutationFn: () => {
      const { again: _, ...body } = value;
      return must<SetupDone>(api.POST("/setup", { body }));
    },
    onSuccess: (answer) => {
      // The token is used up; it need not stay in the address bar and the history.
      window.history.replaceState(null, "", "/setup");
      done(answer);
    },
  });
  return (
    <form className="form" onSubmit={submit(() => !differs && value.again && send.mutate())}>
      {!given && (
        <>
          <p className="note warn">{text.noToken}</p>
          <TextField
            label={text.token}
            hint={text.tokenHint}
            required
            value={value.token}
            fault={faultOf(send.error, "token")}
            onChange={(token) => set({ token })}
          />
        </>
      )}
      <TextField
        label={text.name}
        required
        autoComplete="username"
        value={value.name}
        fault={faultOf(send.error, "name")}
        onChange={(name) => set({ name })}
      />
      <TextField
        label={text.password}
        hint={text.passwordHint}
        type="password"
        required
        autoComplete="new-password"
        value={value.password}
        fault={faultOf(send.error, "password")}
        onChange={(password) => set({ password })}
      />
      <TextField
        label={text.again}
        type="password"
        required
        autoComplete="new-password"
        value={value.again}
        fault={differs ? text.differs : undefined}
        onChange={(again) => set({ again })}
      />
      <TextField
        label={text.customer}
        hint={text.customerHint}
        required
        value={value.customer_name}
        fault={faultOf(send.error, "customer_name")}
        onChange={(customer_name) => set({ customer_name })}
      />
      <SaveBar busy={send.isPending} error={send.error} label={text.submit} />
    </form>
  );
}
