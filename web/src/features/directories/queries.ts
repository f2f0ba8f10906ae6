import { useQuery } from "@tanstack/react-query";
import { api, must } from "../../api/client";
import { whole } from "../../api/pages";
import { queryClient } from "../../api/query";
import type { ConnectionTest, Directory, DirectoryInput, Id, Job } from "../../api/types";
import { useCustomer } from "../../app/session";

export function useDirectories() {
  const customer = useCustomer();
  return useQuery({
    queryKey: [customer, "directories"],
    queryFn: () =>
      whole<Directory>(api.GET("/customers/{customer}/directories", { params: { path: { customer } } })),
    refetchInterval: ({ state }) => (state.data?.some(isImporting) ? 2000 : false),
  });
}

export function useDirectory(id: Id | undefined) {
  const customer = useCustomer();
  return useQuery({
    queryKey: [customer, "directory", id],
    enabled: id !== undefined,
    queryFn: () =>
      must<Directory>(
        api.GET("/customers/{customer}/directories/{directory}", {
          params: { path: { customer, directory: id ?? "" } },
        }),
      ),
    refetchInterval: ({ state }) => (state.data && isImporting(state.data) ? 1500 : false),
  });
}

export function isImporting(directory: Directory): boolean {
  const state = directory.last_import?.state;
  return state === "queued" || state === "running";
}

/** The name of a directory for its id; the id itself while names are on their way. */
export function useDirectoryName(): (id: Id | null | undefined) => string {
  const { data } = useDirectories();
  return (id) => (id ? (data?.find((one) => one.id === id)?.name ?? "…") : "–");
}

export function useDirectoryOptions() {
  const { data } = useDirectories();
  return (data ?? []).map((one) => ({ value: one.id, label: one.name }));
}

export const startImport = (customer: Id, directory: Id) =>
  must<Job>(
    api.POST("/customers/{customer}/directories/{directory}/import", {
      params: { path: { customer, directory } },
    }),
  ).finally(() => void queryClient.invalidateQueries({ queryKey: [customer] }));

export const testInput = (customer: Id, body: DirectoryInput, directory_id: Id | undefined) =>
  must<ConnectionTest>(
    api.POST("/customers/{customer}/directories/test-connection", {
      params: { path: { customer }, query: { directory_id } },
      body,
    }),
  );
