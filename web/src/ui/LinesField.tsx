// A list of short texts, one input each.
import { Button } from "./Button";
import { TextField } from "./fields";
import { text } from "./text";

type Props = {
  label: string;
  hint?: string;
  lines: readonly string[];
  onChange: (lines: string[]) => void;
  faultAt?: (index: number) => string | undefined;
  addLabel?: string;
  mono?: boolean;
};

export function LinesField({ label, hint, lines, onChange, faultAt, addLabel, mono }: Props) {
  return (
    <fieldset>
      <legend>{label}</legend>
      {hint && <div className="hint">{hint}</div>}
      <div className="list-editor">
        {lines.map((line, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the lines have no identity but their place.
          <div className="item" key={at}>
            <TextField
              label={text.line(label, at + 1)}
              bare
              mono={mono}
              value={line}
              fault={faultAt?.(at)}
              onChange={(value) => onChange(lines.map((old, index) => (index === at ? value : old)))}
            />
            <Button
              look="quiet"
              aria-label={`${text.remove}: ${text.line(label, at + 1)}`}
              onClick={() => onChange(lines.filter((_, index) => index !== at))}
            >
              {text.remove}
            </Button>
          </div>
        ))}
      </div>
      <div>
        <Button small onClick={() => onChange([...lines, ""])}>
          {addLabel ?? text.addLine}
        </Button>
      </div>
    </fieldset>
  );
}
