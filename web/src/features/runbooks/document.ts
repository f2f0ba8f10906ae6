// The runbook document as the editor holds it.
// INVARIANT: what the editor does not know stays in the document as it came.
import { fieldPath } from "../../api/problem";
import { at, type Json, withAt } from "../../ui/form";
import { type TabKey, text } from "./text";

export type Doc = {
  doc: Json;
  set: (path: string, value: Json) => void;
  fault: (path: string) => string | undefined;
};

export const AD_JOIN: Json = {
  kind: "active_directory",
  organisational_unit: "",
  reuse_existing_account: false,
  join_account: "",
  offline: false,
  cache_user_credentials: false,
};

/** A template has an id of nothing but zeros where a directory is still to be chosen. */
export function isChosen(id: Json | undefined): id is string {
  return typeof id === "string" && id !== "" && !/^dir_0+$/.test(id);
}

/** The template filled in for the move that most people make: from one Active Directory to another. */
export function startingPoint(template: Json): Json {
  let doc = template;
  if (at(doc, "device_state.leave") === "none") doc = withAt(doc, "device_state.leave", "active_directory");
  if (at(doc, "device_state.join.kind") === "none") doc = withAt(doc, "device_state.join", AD_JOIN);
  return doc;
}

export function textAt(doc: Json, path: string): string {
  const value = at(doc, path);
  return typeof value === "string" ? value : "";
}

export function listAt(doc: Json, path: string): Json[] {
  const value = at(doc, path);
  return Array.isArray(value) ? value : [];
}

export function stringsAt(doc: Json, path: string): string[] {
  return listAt(doc, path).filter((one): one is string => typeof one === "string");
}

/** The tab on which a field is edited. */
export function tabOf(field: string): TabKey {
  const first = fieldPath(field).split(".")[0] ?? "";
  if (field === "join_password" || field === "return_password") return "device_state";
  return first in text.tabs ? (first as TabKey) : "general";
}

/** What a person calls a field: its tab, and where on it. */
export function nameOf(field: string): string {
  const [first = "", ...rest] = fieldPath(field).split(".");
  const words = rest.map((word) =>
    /^\d+$/.test(word) ? String(Number(word) + 1) : word.replaceAll("_", " "),
  );
  return [
    text.tabs[tabOf(field)],
    ...(first in text.tabs ? words : [fieldPath(field).replaceAll("_", " ")]),
  ].join(" › ");
}
