// Form state and changes deep inside a document.
import { type FormEvent, useState } from "react";

export function useDraft<T extends object>(initial: T) {
  const [value, setValue] = useState(initial);
  const set = (change: Partial<T>) => setValue((old) => ({ ...old, ...change }));
  return { value, set, replace: setValue } as const;
}

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** What stands at a path such as `device_state.way_back.return_account`. */
export function at(document: Json | undefined, path: string): Json | undefined {
  let here: Json | undefined = document;
  for (const step of path.split(".")) {
    if (Array.isArray(here)) here = here[Number(step)];
    else if (typeof here === "object" && here !== null) here = here[step];
    else return undefined;
  }
  return here;
}

/** The document with another value at a path; everything beside it stays as it was. */
export function withAt(document: Json | undefined, path: string, value: Json): Json {
  const [step = "", ...rest] = path.split(".");
  const inner = (old: Json | undefined) => (rest.length === 0 ? value : withAt(old, rest.join("."), value));
  if (Array.isArray(document)) {
    return document.map((old, index) => (index === Number(step) ? inner(old) : old));
  }
  const object = typeof document === "object" && document !== null ? document : {};
  return { ...object, [step]: inner(object[step]) };
}

/** Submits without leaving the page. */
export function submit(act: () => void) {
  return (event: FormEvent) => {
    event.preventDefault();
    act();
  };
}
