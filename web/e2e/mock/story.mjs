// What happens by itself on the made-up server: a run begins and moves on, a step per look at it.
import * as d from "./data.mjs";
import { addLogs } from "./state.mjs";

export function startRun(s, batch, deviceId) {
  const device = s.devices.find((one) => one.id === deviceId);
  const book = s.runbooks.find((one) => one.id === batch.runbooks[0]?.runbook_id);
  if (!device || !book) return;
  device.trust = "trusted";
  s.runs.unshift(d.run(device, book, batch, 0, 1));
}

export function advance(s) {
  if (!s.moving) return;
  for (const [n, one] of s.runs.entries()) {
    if (one.summary.state !== "running") continue;
    const far = one.steps.filter((step) => step.state === "done").length + 3;
    const device = s.devices.find((it) => it.id === one.summary.device_id);
    const book = s.runbooks.find((it) => it.id === one.summary.runbook_id);
    const next = d.run(device, book, { id: one.summary.batch_id }, far, 2);
    next.summary.id = one.summary.id;
    if (next.summary.state === "finished" && s.fault.result) {
      Object.assign(next.summary, { result: s.fault.result, reason: "planted" });
    }
    s.runs[n] = next;
    s.logs = s.logs.filter((line) => line.run_id !== one.summary.id);
    addLogs(s, next);
  }
}
