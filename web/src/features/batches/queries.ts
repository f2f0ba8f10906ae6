import { useQuery } from "@tanstack/react-query";
import { api, BASE, must } from "../../api/client";
import { usePages, whole } from "../../api/pages";
import { problemFrom } from "../../api/problem";
import type { Batch, BatchDevice, Id, IfElsewhere, Page } from "../../api/types";
import { useCustomer } from "../../app/session";
import { isCsvImport } from "./csv";

export function useBatches() {
  const customer = useCustomer();
  return useQuery({
    queryKey: [customer, "batches"],
    queryFn: () => whole<Batch>(api.GET("/customers/{customer}/batches", { params: { path: { customer } } })),
  });
}

export function useBatch(id: Id | undefined) {
  const customer = useCustomer();
  return useQuery({
    queryKey: [customer, "batch", id],
    enabled: id !== undefined,
    queryFn: () =>
      must<Batch>(
        api.GET("/customers/{customer}/batches/{batch}", { params: { path: { customer, batch: id ?? "" } } }),
      ),
  });
}

export function useBatchDevices(batch: Id, q: string) {
  const customer = useCustomer();
  return usePages([customer, "batch-devices", batch, q], (cursor) =>
    must<Page<BatchDevice>>(
      api.GET("/customers/{customer}/batches/{batch}/devices", {
        params: { path: { customer, batch }, query: { q: q || undefined, cursor, limit: 100 } },
      }),
    ),
  );
}

export const addDevices = (customer: Id, batch: Id, device_ids: Id[], if_elsewhere: IfElsewhere) =>
  must<Batch>(
    api.POST("/customers/{customer}/batches/{batch}/devices", {
      params: { path: { customer, batch } },
      body: { device_ids, if_elsewhere },
    }),
  );

export const removeDevice = (customer: Id, batch: Id, device: Id) =>
  must(
    api.DELETE("/customers/{customer}/batches/{batch}/devices/{device}", {
      params: { path: { customer, batch, device } },
    }),
  );

const asText = {
  headers: { "Content-Type": "text/csv" },
  bodySerializer: (body: unknown) => body as string,
};

/** A refusal for lines is an answer too: it says which lines. */
async function csvAnswer(call: Promise<{ data?: unknown; error?: unknown; response: Response }>) {
  const { data, error, response } = await call;
  const body = data ?? error;
  if (isCsvImport(body)) return body;
  throw problemFrom(body, response.status, response.headers.get("Godwit-Request-Id"));
}

export const importList = (customer: Id, batch: Id, body: string, move: boolean) =>
  csvAnswer(
    api.POST("/customers/{customer}/batches/{batch}/devices/import", {
      params: { path: { customer, batch }, query: { if_elsewhere: move ? "move" : "refuse" } },
      body,
      ...asText,
    }),
  );

export const importApprovals = (customer: Id, body: string) =>
  csvAnswer(
    api.POST("/customers/{customer}/devices/approve/import", {
      params: { path: { customer } },
      body,
      ...asText,
    }),
  );

/** The devices that a catch-all means now. */
export function useMembers(batch: Id) {
  const customer = useCustomer();
  return usePages([customer, "batch-devices", batch, "members"], (cursor) =>
    must<Page<BatchDevice>>(
      api.GET("/customers/{customer}/batches/{batch}/members", {
        params: { path: { customer, batch }, query: { cursor, limit: 100 } },
      }),
    ),
  );
}

export const listAddress = (customer: Id, batch: Id) =>
  `${BASE}/customers/${encodeURIComponent(customer)}/batches/${encodeURIComponent(batch)}/devices.csv`;
