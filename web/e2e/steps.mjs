// The steps of e2e/console.mjs in their order. Each does what a person would do, and fails when the
// page does not say what a person would look for.
import * as migrate from "./steps-migrate.mjs";
import * as prepare from "./steps-prepare.mjs";

/** In the order of the guide. */
export const STEPS = Object.entries({
  setup: prepare.setup,
  guide: prepare.guide,
  issuer: prepare.issuer,
  source: prepare.source,
  target: prepare.target,
  profile: prepare.profile,
  schedule: prepare.schedule,
  table: prepare.table,
  licence: migrate.licence,
  runbook: migrate.runbook,
  certificate: migrate.certificate,
  psk: migrate.psk,
  batch: migrate.batch,
  device: migrate.device,
  runs: migrate.runs,
  detail: migrate.detail,
  guideDone: migrate.guideDone,
});
