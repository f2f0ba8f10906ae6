// Inputs that are bound to a path of the runbook document.
import type { ReactNode } from "react";
import { AreaField, CheckField, NumberField, type Option, SelectField, TextField } from "../../ui/fields";
import { at } from "../../ui/form";
import { type Doc, textAt } from "./document";

type Props = { on: Doc; path: string; label: string; hint?: ReactNode; required?: boolean; mono?: boolean };

export function DocText({ on, path, ...rest }: Props) {
  return (
    <TextField
      {...rest}
      value={textAt(on.doc, path)}
      fault={on.fault(path)}
      onChange={(value) => on.set(path, value)}
    />
  );
}

/** A text that is absent when it is empty. */
export function DocOptionalText({ on, path, ...rest }: Props) {
  return (
    <TextField
      {...rest}
      value={textAt(on.doc, path)}
      fault={on.fault(path)}
      onChange={(value) => on.set(path, value === "" ? null : value)}
    />
  );
}

export function DocArea({ on, path, rows, ...rest }: Props & { rows?: number }) {
  return (
    <AreaField
      {...rest}
      rows={rows}
      value={textAt(on.doc, path)}
      fault={on.fault(path)}
      onChange={(value) => on.set(path, value)}
    />
  );
}

export function DocNumber({ on, path, min, max, ...rest }: Props & { min?: number; max?: number }) {
  const value = at(on.doc, path);
  return (
    <NumberField
      {...rest}
      min={min}
      max={max}
      value={typeof value === "number" ? value : Number.NaN}
      fault={on.fault(path)}
      onChange={(typed) => on.set(path, Number.isNaN(typed) ? null : typed)}
    />
  );
}

export function DocCheck({ on, path, ...rest }: Omit<Props, "mono">) {
  return (
    <CheckField
      {...rest}
      checked={at(on.doc, path) === true}
      fault={on.fault(path)}
      onChange={(checked) => on.set(path, checked)}
    />
  );
}

export function DocSelect<V extends string>({
  on,
  path,
  options,
  ...rest
}: Props & { options: readonly Option<V>[] }) {
  return (
    <SelectField
      {...rest}
      options={options}
      value={textAt(on.doc, path) as V}
      fault={on.fault(path)}
      onChange={(value) => on.set(path, value)}
    />
  );
}
