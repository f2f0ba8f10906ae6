import { useQuery } from "@tanstack/react-query";
import { api, must } from "../../api/client";
import { usePages } from "../../api/pages";
import type { Id, ObjectKind, ObjectRef, ObjectReport, Page } from "../../api/types";
import { useCustomer } from "../../app/session";

export function useObject(id: Id) {
  const customer = useCustomer();
  return useQuery({
    queryKey: [customer, "objects", "report", id],
    queryFn: () =>
      must<ObjectReport>(
        api.GET("/customers/{customer}/objects/{object}", { params: { path: { customer, object: id } } }),
      ),
  });
}

export type ObjectFilter = { q: string; kind: ObjectKind | ""; directory: Id };

export function useObjects({ q, kind, directory }: ObjectFilter) {
  const customer = useCustomer();
  return usePages([customer, "objects", q, kind, directory], (cursor) =>
    must<Page<ObjectRef>>(
      api.GET("/customers/{customer}/objects", {
        params: {
          path: { customer },
          query: { q: q || undefined, kind: kind || undefined, directory_id: directory, cursor, limit: 50 },
        },
      }),
    ),
  );
}
