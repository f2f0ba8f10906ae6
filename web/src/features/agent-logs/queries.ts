import { api, must } from "../../api/client";
import { usePages } from "../../api/pages";
import type { AgentLogLine, Id, Page, Severity } from "../../api/types";
import { useCustomer } from "../../app/session";

export type LogFilter = { q: string; severity: Severity | ""; run: Id | ""; device: Id | "" };

export function useAgentLogs(filter: LogFilter, live: boolean) {
  const customer = useCustomer();
  return usePages(
    [customer, "agent-logs", filter],
    (cursor) =>
      must<Page<AgentLogLine>>(
        api.GET("/customers/{customer}/agent-logs", {
          params: {
            path: { customer },
            query: {
              q: filter.q || undefined,
              severity: filter.severity || undefined,
              run_id: filter.run || undefined,
              device_id: filter.device || undefined,
              cursor,
              limit: 200,
            },
          },
        }),
      ),
    live && 15_000,
  );
}
