import { useQuery } from "@tanstack/react-query";
import { api, must } from "../../api/client";
import { usePages, whole } from "../../api/pages";
import type { Id, Job, Message, Page, Schedule } from "../../api/types";
import { useCustomer } from "../../app/session";

export function isOpen(job: Job): boolean {
  return job.state === "queued" || job.state === "running";
}

export function useSchedule() {
  const customer = useCustomer();
  return useQuery({
    queryKey: [customer, "schedule"],
    queryFn: () =>
      must<Schedule>(api.GET("/customers/{customer}/schedule", { params: { path: { customer } } })),
  });
}

export function useJobs() {
  const customer = useCustomer();
  return usePages([customer, "jobs"], (cursor) =>
    must<Page<Job>>(
      api.GET("/customers/{customer}/jobs", { params: { path: { customer }, query: { cursor, limit: 50 } } }),
    ),
  );
}

export function useJob(id: Id) {
  const customer = useCustomer();
  return useQuery({
    queryKey: [customer, "job", id],
    queryFn: () =>
      must<Job>(api.GET("/customers/{customer}/jobs/{job}", { params: { path: { customer, job: id } } })),
    refetchInterval: ({ state }) => (state.data && isOpen(state.data) ? 2000 : false),
  });
}

export const cancelJob = (customer: Id, job: Id) =>
  must<Job>(api.POST("/customers/{customer}/jobs/{job}/cancel", { params: { path: { customer, job } } }));

/** The parts of a cycle. */
export function useParts(id: Id, open: boolean) {
  const customer = useCustomer();
  return useQuery({
    queryKey: [customer, "job", id, "parts"],
    queryFn: () =>
      whole<Job>(
        api.GET("/customers/{customer}/jobs/{job}/children", { params: { path: { customer, job: id } } }),
      ),
    refetchInterval: open && 2000,
  });
}

export function useMessages(id: Id, open: boolean) {
  const customer = useCustomer();
  return usePages(
    [customer, "job", id, "messages"],
    (cursor) =>
      must<Page<Message>>(
        api.GET("/customers/{customer}/jobs/{job}/messages", {
          params: { path: { customer, job: id }, query: { cursor, limit: 200 } },
        }),
      ),
    open && 2000,
  );
}
