import { useQuery } from "@tanstack/react-query";
import { api, must } from "../../api/client";
import { usePages } from "../../api/pages";
import type { Id, Page, Run, RunResult, RunState, RunSummary } from "../../api/types";
import { useCustomer } from "../../app/session";

export type RunFilter = { q: string; state: RunState | ""; result: RunResult | "" };

export function isOpen(run: { state: RunState }): boolean {
  return run.state === "ordered" || run.state === "running";
}

export function useRuns(filter: RunFilter) {
  const customer = useCustomer();
  return usePages(
    [customer, "runs", filter],
    (cursor) =>
      must<Page<RunSummary>>(
        api.GET("/customers/{customer}/runs", {
          params: {
            path: { customer },
            query: {
              q: filter.q || undefined,
              state: filter.state || undefined,
              result: filter.result || undefined,
              cursor,
              limit: 100,
            },
          },
        }),
      ),
    15_000,
  );
}

export const undoRun = (customer: Id, run: Id) =>
  must<RunSummary>(
    api.POST("/customers/{customer}/runs/{run}/undo", { params: { path: { customer, run } } }),
  );

export const withdrawRun = (customer: Id, run: Id) =>
  must<RunSummary>(
    api.POST("/customers/{customer}/runs/{run}/withdraw", { params: { path: { customer, run } } }),
  );

export function useRun(id: Id) {
  const customer = useCustomer();
  return useQuery({
    queryKey: [customer, "run", id],
    queryFn: () =>
      must<Run>(api.GET("/customers/{customer}/runs/{run}", { params: { path: { customer, run: id } } })),
    // The live stream tells of changes; asking now and then covers its gaps.
    refetchInterval: ({ state }) => (state.data && isOpen(state.data.summary) ? 10_000 : false),
  });
}
