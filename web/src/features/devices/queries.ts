import { useQuery } from "@tanstack/react-query";
import { api, must } from "../../api/client";
import { usePages } from "../../api/pages";
import type {
  ApproveResult,
  Device,
  DeviceSummary,
  Id,
  Page,
  RevealedPassword,
  RunSummary,
  TrustState,
} from "../../api/types";
import { useCustomer } from "../../app/session";

export type DeviceFilter = { q: string; trust: TrustState | ""; directory: Id | "" };

export function useDevices(filter: DeviceFilter, limit = 100) {
  const customer = useCustomer();
  return usePages([customer, "devices", filter, limit], (cursor) =>
    must<Page<DeviceSummary>>(
      api.GET("/customers/{customer}/devices", {
        params: {
          path: { customer },
          query: {
            q: filter.q || undefined,
            trust: filter.trust || undefined,
            directory_id: filter.directory || undefined,
            cursor,
            limit,
          },
        },
      }),
    ),
  );
}

export function useDevice(id: Id) {
  const customer = useCustomer();
  return useQuery({
    queryKey: [customer, "device", id],
    queryFn: () =>
      must<Device>(
        api.GET("/customers/{customer}/devices/{device}", { params: { path: { customer, device: id } } }),
      ),
    refetchInterval: 30_000,
  });
}

const one = (customer: Id, device: Id) => ({ params: { path: { customer, device } } });

export const approve = (customer: Id, device_ids: Id[]) =>
  must<ApproveResult>(
    api.POST("/customers/{customer}/devices/approve", {
      params: { path: { customer } },
      body: { device_ids },
    }),
  );

export const keepAgent = (customer: Id, device: Id, keep_agent_id: Id) =>
  must<Device>(
    api.POST("/customers/{customer}/devices/{device}/resolve-conflict", {
      ...one(customer, device),
      body: { keep_agent_id },
    }),
  );

export const revoke = (customer: Id, device: Id) =>
  must<Device>(api.POST("/customers/{customer}/devices/{device}/revoke", one(customer, device)));

export const moveDevice = (customer: Id, device: Id, batch_id: Id) =>
  must<Device>(
    api.POST("/customers/{customer}/devices/{device}/move", { ...one(customer, device), body: { batch_id } }),
  );

export const runAgain = (customer: Id, device: Id, runbook_id: Id) =>
  must<RunSummary>(
    api.POST("/customers/{customer}/devices/{device}/run-again", {
      ...one(customer, device),
      body: { runbook_id },
    }),
  );

export const revealFallback = (customer: Id, device: Id, run: Id, reason: string) =>
  must<RevealedPassword>(
    api.POST("/customers/{customer}/devices/{device}/fallback-administrators/{run}/reveal", {
      params: { path: { customer, device, run } },
      body: { reason },
    }),
  );

export const rehearse = (customer: Id, device: Id, runbook_id: Id) =>
  must<RunSummary>(
    api.POST("/customers/{customer}/devices/{device}/rehearse", {
      ...one(customer, device),
      body: { runbook_id },
    }),
  );
