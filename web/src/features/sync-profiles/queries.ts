import { useQuery } from "@tanstack/react-query";
import { api, must } from "../../api/client";
import { whole } from "../../api/pages";
import { queryClient } from "../../api/query";
import type { Id, Job, SyncProfile } from "../../api/types";
import { useCustomer } from "../../app/session";

export function useSyncProfiles() {
  const customer = useCustomer();
  return useQuery({
    queryKey: [customer, "sync-profiles"],
    queryFn: () =>
      whole<SyncProfile>(
        api.GET("/customers/{customer}/sync-profiles", {
          params: { path: { customer } },
        }),
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
