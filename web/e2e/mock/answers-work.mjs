// Answers about runbooks and batches.
import { C, find, has, page, Refusal, whole } from "./base.mjs";
import * as d from "./data.mjs";
import { addRunbook } from "./state.mjs";
import { startRun } from "./story.mjs";

const summary = (s, b) => ({
  id: b.id,
  name: b.name,
  source_directory_ids: b.document.general.sources,
  target_directory_id: b.document.general.target,
  version: b.version,
  changed_at: b.saved_at,
  batches: s.batches.filter((one) => one.runbooks.some((r) => r.runbook_id === b.id)).length,
  finished: s.runs.filter((one) => one.summary.result === "migrated").length,
});
// Two of what the real server says; the second kind stops a run.
const leftOut = ({ startup, completion }) => [
  ...(startup?.interaction === "silent"
    ? []
    : [{ field: "startup.interaction", message: "no dialogs are shown on the device", stops: false }]),
  ...(completion?.uninstall_agent
    ? [{ field: "completion.uninstall_agent", message: "the agent does not remove itself", stops: true }]
    : []),
];
const book = (b) => ({
  id: b.id,
  name: b.name,
  version: b.version,
  newest_version: b.version,
  saved_at: b.saved_at,
  saved_by: "admin",
  batches: 1,
  hash: "ab".repeat(32),
  document: b.document,
  left_out: leftOut(b.document),
  join_password_set: Boolean(b.join),
  return_password_set: Boolean(b.back),
});
const saveList = (s, params, ids) => {
  const batch = find(s.batches, params.batch);
  s.lists[batch.id] ??= [];
  const list = s.lists[batch.id];
  const fresh = ids.filter((one) => !list.includes(one));
  list.push(...fresh);
  batch.counts = { listed: list.length, devices: list.length, finished: batch.counts.finished };
  return { batch, added: fresh.length };
};
const listed = (s, id) =>
  (s.lists[id] ?? [])
    .map((one) => find(s.devices, one))
    .map((one) => ({
      device_id: one.id,
      name: one.name,
      serial: one.serial,
      trusted: one.trust === "trusted",
    }));

export const ROUTES = [
  ["GET", "/runbook-template", () => ({ document: d.template() })],
  ["GET", `${C}/runbooks`, ({ s }) => whole(s.runbooks.map((b) => summary(s, b)))],
  [
    "POST",
    `${C}/runbooks`,
    ({ s, body }) => {
      checkBook(body);
      return [201, book(addRunbook(s, body.document, body.join_password))];
    },
  ],
  ["GET", `${C}/runbooks/:runbook`, ({ s, params }) => book(find(s.runbooks, params.runbook))],
  [
    "PUT",
    `${C}/runbooks/:runbook`,
    ({ s, params, body }) => {
      checkBook(body);
      const b = find(s.runbooks, params.runbook);
      return book(
        Object.assign(b, {
          document: body.document,
          name: body.document.general.name,
          version: b.version + 1,
        }),
      );
    },
  ],
  [
    "GET",
    `${C}/runbooks/:runbook/versions`,
    ({ s, params }) => {
      const b = find(s.runbooks, params.runbook);
      return whole(
        Array.from({ length: b.version }, (_, n) => ({
          version: b.version - n,
          saved_at: d.ago(n * 600),
          saved_by: "admin",
          hash: "ab".repeat(32),
        })),
      );
    },
  ],
  ["GET", `${C}/batches`, ({ s }) => whole(s.batches)],
  [
    "POST",
    `${C}/batches`,
    ({ s, body }) => {
      const made = { id: d.id("bat"), ...body, counts: { listed: 0, devices: 0, finished: 0 }, version: 1 };
      s.batches.push(made);
      return [201, made];
    },
  ],
  ["GET", `${C}/batches/:batch`, ({ s, params }) => find(s.batches, params.batch)],
  [
    "PUT",
    `${C}/batches/:batch`,
    ({ s, params, body }) => {
      const one = find(s.batches, params.batch);
      return Object.assign(one, body, { version: one.version + 1 });
    },
  ],
  [
    "GET",
    `${C}/batches/:batch/devices`,
    ({ s, params, query }) =>
      page(
        listed(s, params.batch).filter((one) => has(one.name, query.get("q"))),
        query,
      ),
  ],
  [
    "GET",
    `${C}/batches/:batch/members`,
    ({ s, params, query }) =>
      page(
        listed(s, params.batch).filter((one) => has(one.name, query.get("q"))),
        query,
      ),
  ],
  [
    "POST",
    `${C}/batches/:batch/devices`,
    ({ s, params, body }) => {
      const done = saveList(s, params, body.device_ids).batch;
      startRun(s, done, body.device_ids[0]);
      return done;
    },
  ],
  [
    "DELETE",
    `${C}/batches/:batch/devices/:device`,
    ({ s, params }) => {
      s.lists[params.batch] = s.lists[params.batch].filter((one) => one !== params.device);
      return [204];
    },
  ],
  [
    "POST",
    `${C}/batches/:batch/devices/import`,
    ({ s, params, text }) => {
      const lines = text
        .split(/\r?\n/)
        .map((line) => line.split(",")[0].trim())
        .filter(Boolean)
        .filter((line) => line !== "computer");
      const errors = lines.flatMap((value, n) =>
        s.devices.some((one) => one.name === value)
          ? []
          : [
              {
                line: n + 2,
                value,
                code: "unknown_device",
                message: `no imported computer is called ${value}; import its directory, or mend the line`,
              },
            ],
      );
      if (errors.length > 0) return [422, { ok: false, lines: lines.length, added: 0, unchanged: 0, errors }];
      const { added } = saveList(
        s,
        params,
        lines.map((value) => s.devices.find((one) => one.name === value).id),
      );
      return { ok: true, lines: lines.length, added, unchanged: lines.length - added, errors: [] };
    },
  ],
];

function checkBook(body) {
  const errors = [];
  if (!body.document.general.name.trim())
    errors.push({ field: "document.general.name", message: "give the runbook a name" });
  if (
    body.document.device_state.join.kind === "active_directory" &&
    !body.document.device_state.join.join_account
  )
    errors.push({
      field: "document.device_state.join.join_account",
      message: "name the account that creates or resets the computer account in the target",
    });
  body.document.permission_updates.ignored.forEach((path, n) => {
    if (!path.trim())
      errors.push({ field: `document.permission_updates.ignored[${n}]`, message: "remove the empty line" });
  });
  if (errors.length > 0)
    throw new Refusal(422, "document_refused", errors.map((one) => one.message).join("; "), errors);
}
