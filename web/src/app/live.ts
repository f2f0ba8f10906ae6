// The live stream: a hint that something changed, answered by asking again for what is shown.
import { useEffect, useState } from "react";
import { BASE } from "../api/client";
import { queryClient } from "../api/query";
import type { Id } from "../api/types";

type Topic = "run" | "agent_log" | "device" | "job" | "configuration" | "resync";

/** Second part of the query keys that a topic concerns; the first is the customer. */
export const CONCERNS: Record<Exclude<Topic, "resync">, readonly string[]> = {
  run: ["runs", "run", "device", "dashboard", "guide", "batches", "batch"],
  agent_log: ["agent-logs"],
  device: ["devices", "device", "batch-devices", "dashboard", "guide"],
  job: [
    "jobs",
    "job",
    "schedule",
    "directories",
    "directory",
    "sync-profiles",
    "translations",
    "dashboard",
    "guide",
  ],
  configuration: [
    ...["directories", "directory", "sync-profiles", "sync-profile", "schedule", "runbooks", "runbook"],
    ...[
      "batches",
      "batch",
      "batch-devices",
      "licences",
      "psks",
      "certificate",
      "guide",
      "dashboard",
      "device",
    ],
  ],
};

/** Collects hints for a moment, so that a thousand events are one question. */
const PAUSE_MS = 400;

/** Listens while the frame is open. False while the stream is interrupted for longer than a moment. */
export function useLive(customer: Id | undefined): boolean {
  const [connected, setConnected] = useState(true);
  useEffect(() => {
    if (!customer) return;
    const stream = new EventSource(`${BASE}/events?customer=${encodeURIComponent(customer)}`);
    const waiting = new Set<string>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let lost: ReturnType<typeof setTimeout> | undefined;
    const ask = () => {
      timer = undefined;
      const all = waiting.has("*");
      const wanted = new Set(waiting);
      waiting.clear();
      void queryClient.invalidateQueries({
        predicate: ({ queryKey }) => queryKey[0] === customer && (all || wanted.has(String(queryKey[1]))),
      });
    };
    const hint = (names: readonly string[]) => {
      for (const name of names) waiting.add(name);
      timer ??= setTimeout(ask, PAUSE_MS);
    };
    for (const [topic, names] of Object.entries(CONCERNS)) stream.addEventListener(topic, () => hint(names));
    let first = true;
    stream.addEventListener("resync", () => {
      // The first one only says that the stream is open; everything shown was read just now.
      if (!first) hint(["*"]);
      first = false;
    });
    stream.onopen = () => {
      clearTimeout(lost);
      lost = undefined;
      setConnected(true);
    };
    stream.onerror = () => {
      lost ??= setTimeout(() => setConnected(false), 5000);
    };
    return () => {
      stream.close();
      clearTimeout(timer);
      clearTimeout(lost);
    };
  }, [customer]);
  return connected;
}
