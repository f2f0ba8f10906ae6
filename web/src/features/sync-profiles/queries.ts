import { useQuery } from "@tanstack/react-query";
import { api, must } from "../../api/client";
import { allPages } from "../../api/pages";
import { queryClient } from "../../api/query";
import type { Id, Job, Page, SyncProfile } from "../../api/types";
import { useCustomer } from "../../app/session";

export function useSyncProfiles() {
  const customer = useCustomer();
  return useQuery({
    queryKey: [customer, "sync-profiles"],
    queryFn: () =>
      allPages((cursor) =>
        must<Page<SyncProfile>>(
          api.GET("/customers/{customer}/sync-profiles", {
            params: { path: { customer }, query: { cursor } },
          }),
        ),
      ),
  });
}

export function useSyncProfile(id: Id | undefined) {
  const customer = useCustomer();
  return useQuery({
    queryKey: [customer, "sync-profile", id],
    enabled: id !== undefined,
    queryFn: () =>
      must<SyncProfile>(
        api.GET("/customers/{customer}/sync-profiles/{profile}", {
          params: { path: { customer, profile: id ?? "" } },
        }),
      ),
  });
}

export const startSync = (customer: Id, profile: Id) =>
  must<Job>(
    api.POST("/customers/{customer}/sync-profiles/{profile}/sync", {
      params: { path: { customer, profile } },
    }),
  ).finally(() => void queryClient.invalidateQueries({ queryKey: [customer] }));
