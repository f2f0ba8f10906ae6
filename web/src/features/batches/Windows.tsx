// The runbooks of a batch, each with its window.
import type { BatchRunbook } from "../../api/types";
import { windowTime } from "../../app/time";
import { Button } from "../../ui/Button";
import { SelectField, TextField } from "../../ui/fields";
import { useRunbooks } from "../runbooks/queries";
import { text } from "./text";

type Props = {
  runbooks: BatchRunbook[];
  onChange: (runbooks: BatchRunbook[]) => void;
  fault: (field: string) => string | undefined;
};

export function Windows({ runbooks, onChange, fault }: Props) {
  const all = useRunbooks().data ?? [];
  const options = all.map((one) => ({ value: one.id, label: one.name }));
  const change = (index: number, part: Partial<BatchRunbook>) =>
    onChange(runbooks.map((one, other) => (other === index ? { ...one, ...part } : one)));
  const free = all.find((one) => !runbooks.some((used) => used.runbook_id === one.id));
  const add = () =>
    onChange([
      ...runbooks,
      {
        runbook_id: free?.id ?? "",
        available_from: windowTime(new Date(), "local"),
        enforced_after: null,
        zone: "local",
      },
    ]);
  return (
    <fieldset>
      <legend>{text.runbooks}</legend>
      <div className="hint">{text.runbooksHint}</div>
      {fault("runbooks") && <div className="fault">{fault("runbooks")}</div>}
      {all.length === 0 && <p className="muted">{text.noRunbooks}</p>}
      {runbooks.map((one, index) => {
        const at = (field: string) => fault(`runbooks.${index}.${field}`) ?? undefined;
        const name = all.find((runbook) => runbook.id === one.runbook_id)?.name ?? text.runbook;
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: a line has no identity before its runbook is chosen.
          <div className="choice stack" key={index}>
            <div className="pair">
              <SelectField
                label={text.runbook}
                required
                options={options}
                value={one.runbook_id}
                fault={at("runbook_id") ?? fault(`runbooks.${index}`)}
                onChange={(runbook_id) => change(index, { runbook_id })}
              />
              <SelectField
                label={text.zone}
                options={(["local", "utc"] as const).map((value) => ({ value, label: text.zones[value] }))}
                value={one.zone}
                fault={at("zone")}
                onChange={(zone) => change(index, { zone })}
              />
            </div>
            <div className="pair">
              <Moment
                label={text.from}
                hint={text.fromHint}
                required
                value={one.available_from}
                zone={one.zone}
                fault={at("available_from")}
                onChange={(available_from) => change(index, { available_from })}
              />
              <Moment
                label={text.after}
                hint={text.afterHint}
                value={one.enforced_after ?? ""}
                zone={one.zone}
                fault={at("enforced_after")}
                onChange={(value) => change(index, { enforced_after: value || null })}
              />
            </div>
            <div>
              <Button
                small
                aria-label={text.removeRunbookFor(name)}
                onClick={() => onChange(runbooks.filter((_, other) => other !== index))}
              >
                {text.removeRunbook}
              </Button>
            </div>
          </div>
        );
      })}
      <div>
        <Button small disabled={all.length === 0} onClick={add}>
          {text.addRunbook}
        </Button>
      </div>
    </fieldset>
  );
}

type MomentProps = {
  label: string;
  hint: string;
  required?: boolean;
  value: string;
  zone: BatchRunbook["zone"];
  fault?: string;
  onChange: (value: string) => void;
};

function Moment({ label, hint, required, value, zone, fault, onChange }: MomentProps) {
  return (
    <div className="stack tight">
      <TextField
        label={label}
        hint={hint}
        required={required}
        type="datetime-local"
        value={value.slice(0, 16)}
        fault={fault}
        onChange={onChange}
      />
      <div>
        <Button small aria-label={text.nowFor(label)} onClick={() => onChange(windowTime(new Date(), zone))}>
          {text.now}
        </Button>
      </div>
    </div>
  );
}
