import { useState } from "react";
import { Button } from "./Button";
import { text } from "./text";

/** Text that is meant to be taken elsewhere. */
export function CopyText({ label, value }: { label: string; value: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(value);
    setCopied(true);
  };
  return (
    <div className="stack tight">
      <div className="row between">
        <strong>{label}</strong>
        <Button small aria-label={`${text.copy}: ${label}`} onClick={() => void copy()}>
          {text.copy}
        </Button>
      </div>
      <pre data-copy={label}>{value}</pre>
      <span className="small muted" role="status">
        {copied ? text.copied : ""}
      </span>
    </div>
  );
}
