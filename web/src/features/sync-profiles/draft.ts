// The form of a sync profile and the body that is sent for it.
import type { ObjectKind, SyncProfile, SyncProfileInput } from "../../api/types";

export const KINDS: readonly ObjectKind[] = ["user", "group", "computer"];
type Rule = { on: boolean; source: string; target: string };

export type Draft = {
  name: string;
  source: string;
  target: string;
  rules: Record<ObjectKind, Rule>;
  well_known_groups: boolean;
  include_disabled: boolean;
};

/** What is offered for a new profile: names differ rarely, and are known before anything else. */
const USUAL: Record<ObjectKind, Rule> = {
  user: { on: true, source: "sAMAccountName", target: "sAMAccountName" },
  group: { on: true, source: "sAMAccountName", target: "sAMAccountName" },
  computer: { on: false, source: "sAMAccountName", target: "sAMAccountName" },
};

export function draftOf(profile: SyncProfile | undefined): Draft {
  const rules = { ...USUAL };
  if (profile) {
    for (const kind of KINDS) {
      const rule = profile.rules.find((one) => one.kind === kind);
      rules[kind] = rule
        ? { on: true, source: rule.source_attribute, target: rule.target_attribute }
        : { ...USUAL[kind], on: false };
    }
  }
  return {
    name: profile?.name ?? "",
    source: profile?.source_directory_id ?? "",
    target: profile?.target_directory_id ?? "",
    rules,
    well_known_groups: profile?.well_known_groups ?? true,
    include_disabled: profile?.include_disabled ?? false,
  };
}

export function inputOf(draft: Draft): SyncProfileInput {
  return {
    name: draft.name,
    source_directory_id: draft.source,
    target_directory_id: draft.target,
    rules: KINDS.filter((kind) => draft.rules[kind].on).map((kind) => ({
      kind,
      source_attribute: draft.rules[kind].source.trim(),
      target_attribute: draft.rules[kind].target.trim(),
    })),
    well_known_groups: draft.well_known_groups,
    include_disabled: draft.include_disabled,
  };
}

/** The place of a kind's rule in the body, as problems name it. */
export function ruleIndex(draft: Draft, kind: ObjectKind): number {
  return KINDS.filter((one) => draft.rules[one].on).indexOf(kind);
}
