// One wording and one tone for each value that the server sends.
import type * as T from "../api/types";

export type Tone = "plain" | "ok" | "warn" | "bad" | "info";
export type Word = { label: string; tone: Tone };

const word = (label: string, tone: Tone = "plain"): Word => ({ label, tone });

export const jobState: Record<T.JobState, Word> = {
  queued: word("Queued"),
  running: word("Running", "info"),
  succeeded: word("Succeeded", "ok"),
  failed: word("Failed", "bad"),
  cancelled: word("Cancelled", "warn"),
};

export const jobKind: Record<T.JobKind, string> = { cycle: "Cycle", import: "Import", sync: "Sync" };

export const objectKind: Record<T.ObjectKind, string> = {
  user: "User",
  group: "Group",
  computer: "Computer",
};

export const translationState: Record<T.TranslationState, Word> = {
  matched: word("Matched", "ok"),
  unmatched: word("Unmatched", "warn"),
  ambiguous: word("Ambiguous", "bad"),
};

export const trustState: Record<T.TrustState, Word> = {
  no_agent: word("No agent"),
  pending: word("Waits for approval", "warn"),
  trusted: word("Trusted", "ok"),
  conflict: word("Conflict", "bad"),
  revoked: word("Revoked", "bad"),
};

export const decision: Record<T.EligibilityDecision, Word> = {
  run: word("Runs", "ok"),
  prompt: word("The user is asked", "info"),
  wait: word("Waits", "warn"),
  refuse: word("Does not run", "bad"),
};

export const runState: Record<T.RunState, Word> = {
  ordered: word("Ordered"),
  running: word("Running", "info"),
  finished: word("Finished", "ok"),
  cancelled: word("Cancelled", "warn"),
};

export const runResult: Record<T.RunResult, Word> = {
  migrated: word("Migrated", "ok"),
  restored: word("Restored", "warn"),
  returned: word("Returned", "warn"),
  held: word("Held", "bad"),
  rehearsed: word("Rehearsed", "info"),
};

export const runKind: Record<T.RunKind, string> = { run: "Run", rehearse: "Rehearsal", undo: "Undo" };

export const stepState: Record<T.StepState, Word> = {
  pending: word("To do"),
  running: word("At work", "info"),
  done: word("Done", "ok"),
  failed: word("Failed", "bad"),
  undone: word("Taken back", "warn"),
  skipped: word("Not part of it"),
};

export const stepName: Record<string, string> = {
  preflight: "Look for what would stop the run",
  stage: "Bring everything needed later onto the device",
  guards_up: "Keep users out while the device changes",
  leave: "Leave the source",
  join: "Join the target and prove it",
  profiles: "Bind profiles to the target users",
  files: "Rewrite descriptors of files and folders",
  user_hives: "Rewrite the users' hives",
  machine_hives: "Rewrite the machine's hives",
  local_groups: "Carry local group memberships over",
  verify: "Read everything back and prove it",
  guards_down: "Let users in again",
  way_back: "Undo everything from before-images",
  return: "Join the source again",
  clean_up: "Remove what was only needed during the run",
};

export const userResult: Record<T.UserResult, Word> = {
  migrated: word("Migrated", "ok"),
  unmapped: word("Left alone", "plain"),
  restored: word("Restored", "warn"),
  failed: word("Failed", "bad"),
};

export const severity: Record<T.Severity, Word> = {
  info: word("Info"),
  warning: word("Warning", "warn"),
  error: word("Error", "bad"),
};

export const licenceState: Record<T.LicenceState, Word> = {
  valid: word("Valid", "ok"),
  exhausted: word("Every seat taken", "warn"),
  not_yet: word("Not yet valid", "warn"),
  expired: word("Expired", "bad"),
};

export const licenceProduct: Record<T.LicenceTerms["product"], string> = {
  migration_agent: "Migration Agent",
  dir_sync: "DirSync export",
};

export const pskPolicy: Record<T.PskPolicy, string> = {
  proof: "Proof by machine account",
  approve: "An administrator approves",
  first_claim: "First claim",
};

/** What a line of an agent's log means when it came without words of its own. */
export function logText(line: { code: number; text: string }): string {
  if (line.text.trim() !== "") return line.text;
  return { 2001: "A step began", 2002: "A step is done" }[line.code] ?? "–";
}

/** The word for a run: its result once it has one. */
export function runWord(run: { state: T.RunState; result?: T.RunResult | null }): Word {
  return run.result ? runResult[run.result] : runState[run.state];
}

/** A value that a newer server may send and this console has no word for. */
export function wordFor(words: Record<string, Word>, value: string): Word {
  return words[value] ?? word(value.replaceAll("_", " "));
}
