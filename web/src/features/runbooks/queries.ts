import { useQuery } from "@tanstack/react-query";
import { api, must } from "../../api/client";
import { whole } from "../../api/pages";
import type { Id, Runbook, RunbookSummary, RunbookVersion } from "../../api/types";
import { useCustomer } from "../../app/session";

export function useRunbooks() {
  const customer = useCustomer();
  return useQuery({
    queryKey: [customer, "runbooks"],
    queryFn: () =>
      whole<RunbookSummary>(api.GET("/customers/{customer}/runbooks", { params: { path: { customer } } })),
  });
}

export function useRunbook(id: Id | undefined) {
  const customer = useCustomer();
  return useQuery({
    queryKey: [customer, "runbook", id],
    enabled: id !== undefined,
    queryFn: () =>
      must<Runbook>(
        api.GET("/customers/{customer}/runbooks/{runbook}", {
          params: { path: { customer, runbook: id ?? "" } },
        }),
      ),
  });
}

export function useRunbookTemplate(wanted: boolean) {
  return useQuery({
    queryKey: ["runbook-template"],
    enabled: wanted,
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: () => must<{ document: unknown }>(api.GET("/runbook-template")),
  });
}

export function useRunbookVersions(id: Id) {
  const customer = useCustomer();
  return useQuery({
    queryKey: [customer, "runbook", id, "versions"],
    queryFn: () =>
      whole<RunbookVersion>(
        api.GET("/customers/{customer}/runbooks/{runbook}/versions", {
          params: { path: { customer, runbook: id } },
        }),
      ),
  });
}
