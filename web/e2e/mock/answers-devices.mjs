// Answers about devices, agents, licences and runs.
import { C, find, has, missing, page, whole } from "./base.mjs";
import * as d from "./data.mjs";
import { advance } from "./story.mjs";

const facts = (name, serial) => ({
  computer_name: name,
  domain: "source.test",
  machine_sid: "S-1-5-21-1004336348-1177238915-682003330-2101",
  os: "Windows 11 Pro",
  os_build: 26100,
  is_server: false,
  serial: serial ?? "5CG14T0",
  smbios_uuid: "4c4c4544-0047-3510-8052-b4c04f4d3732",
  disk_serial: "S6P7NX0T",
  utc_offset_minutes: 60,
  agent_version: "0.1.0",
});
const agent = (device, holds, trust) => ({
  id: d.id("agt"),
  trust,
  holds_device: holds,
  key_id: "7f".repeat(16),
  policy: "approve",
  facts: facts(device.name, holds ? device.serial : "VMWARE-56-4D"),
  enrolled_at: d.ago(700),
  decided_at: trust === "trusted" ? d.ago(690) : null,
  decided_by: trust === "trusted" ? "admin" : null,
  last_seen_at: device.last_seen_at,
});
function device(s, one) {
  const batch = s.batches.find((b) => s.lists[b.id]?.includes(one.id));
  const agents = one.trust === "no_agent" ? [] : [agent(one, true, one.trust)];
  if (one.trust === "conflict") agents.push(agent(one, false, "conflict"));
  return {
    summary: one,
    computers: [
      {
        directory_id: s.directories[0].id,
        guid: "8e2b5ad0-63f5-4b7a-9a0e-5f1b0d0c1e11",
        object_id: null,
        sid: "S-1-5-21-1004336348-1177238915-682003330-2101",
        since: d.ago(9000),
        until: null,
      },
    ],
    agents,
    batch: batch ? { id: batch.id, name: batch.name, listed: true } : null,
    eligibility: batch
      ? s.runbooks.map((b) => ({
          runbook_id: b.id,
          runbook_name: b.name,
          decision: one.trust === "trusted" ? "prompt" : "refuse",
          code: one.trust === "trusted" ? "available" : "agent_not_trusted",
          because:
            one.trust === "trusted"
              ? "available since 2026-11-20 08:00, enforced after 2026-11-27 18:00"
              : "its agent is not trusted yet; approve it, or install one",
        }))
      : [],
    runs: s.runs.filter((run) => run.summary.device_id === one.id).map((run) => run.summary),
    incarnation: 1,
    fallback_administrators: s.runs
      .filter((run) => run.summary.device_id === one.id && run.summary.kind === "run")
      .map((run) => ({
        run_id: run.summary.id,
        account: "GodwitFallback",
        escrowed_at: run.summary.started_at ?? run.summary.ordered_at,
      })),
  };
}

export const ROUTES = [
  [
    "GET",
    `${C}/devices`,
    ({ s, query }) =>
      page(
        s.devices.filter(
          (one) =>
            has([one.name, one.serial], query.get("q")) &&
            (!query.get("trust") || one.trust === query.get("trust")),
        ),
        query,
      ),
  ],
  [
    "POST",
    `${C}/devices/approve`,
    ({ s, body }) => {
      for (const one of body.device_ids) find(s.devices, one).trust = "trusted";
      return { approved: body.device_ids.length, refused: [] };
    },
  ],
  ["POST", `${C}/devices/approve/import`, () => ({ ok: true, lines: 1, added: 1, unchanged: 0, errors: [] })],
  ["GET", `${C}/devices/:device`, ({ s, params }) => device(s, find(s.devices, params.device))],
  [
    "POST",
    `${C}/devices/:device/fallback-administrators/:run/reveal`,
    () => ({ account: "GodwitFallback", password: "Kd7mP-mock2-Secre-tzQ4x-mock9" }),
  ],
  ["GET", `${C}/psks`, ({ s }) => whole(s.psks)],
  [
    "POST",
    `${C}/psks`,
    ({ s, body }) => {
      const psk = { id: d.id("psk"), ...body, created_at: d.now(), revoked_at: null, enrolled: 0 };
      s.psks.push(psk);
      return [
        201,
        {
          psk,
          text: "gwp1.mock0mock0mock0mock0.mock1mock1mock1",
          install_command:
            "msiexec /i godwit-agent.msi /qn URL=https://godwit.example/Agent PSK=gwp1.mock0mock0mock0mock0.mock1mock1mock1",
        },
      ];
    },
  ],
  ["GET", `${C}/agent-certificate`, ({ s }) => s.certificate],
  ["GET", `${C}/licences`, ({ s }) => whole(s.licences)],
  [
    "POST",
    `${C}/licences`,
    ({ s }) => {
      const made = d.licence(0);
      s.licences.push(made);
      return [201, made];
    },
  ],
  [
    "POST",
    `${C}/licences/check`,
    ({ s, body }) =>
      s.settings.licence_issuers.length > 0 && body.licence.startsWith("gwl1")
        ? {
            ok: true,
            terms: d.licence(0).terms,
            code: null,
            message: "100 devices from source.test to target.test",
          }
        : {
            ok: false,
            terms: null,
            code: "issuer_unknown",
            message: "its issuer is not believed here; add the issuer's public key on the page Settings",
          },
  ],
  [
    "GET",
    `${C}/licences/:licence/seats`,
    ({ s }) =>
      whole(
        s.devices
          .slice(0, 4)
          .map((one) => ({ device_id: one.id, name: one.name, at: d.ago(100), used: true })),
      ),
  ],
  [
    "GET",
    `${C}/runs`,
    ({ s, query }) => {
      advance(s);
      return page(
        s.runs
          .map((one) => one.summary)
          .filter(
            (one) =>
              has(one.device_name, query.get("q")) &&
              (!query.get("state") || one.state === query.get("state")) &&
              (!query.get("result") || one.result === query.get("result")),
          ),
        query,
      );
    },
  ],
  [
    "GET",
    `${C}/runs/:run`,
    ({ s, params }) => {
      advance(s);
      const found = s.runs.find((one) => one.summary.id === params.run);
      if (!found) throw missing();
      return found;
    },
  ],
  [
    "GET",
    `${C}/agent-logs`,
    ({ s, query }) =>
      page(
        s.logs.filter(
          (one) =>
            has(one.text, query.get("q")) &&
            (!query.get("run_id") || one.run_id === query.get("run_id")) &&
            (!query.get("severity") || one.severity !== "info"),
        ),
        query,
      ),
  ],
];
