// A list of devices that comes as CSV, with what is wrong by line.
import { useMutation } from "@tanstack/react-query";
import { useId, useState } from "react";
import type { CsvImport, CsvLineError } from "../../api/types";
import { DataTable } from "../../ui/DataTable";
import { AreaField, CheckField } from "../../ui/fields";
import { submit } from "../../ui/form";
import { SaveBar } from "../../ui/SaveBar";
import { precheck } from "./csv";
import { text } from "./text";

type Props = {
  title: string;
  lead: string;
  send: (csv: string, move: boolean) => Promise<CsvImport>;
  /** Asks about devices that are on another list. */
  canMove?: boolean;
  exportAddress?: string;
  refresh: () => void;
};

export function CsvBox({ title, lead, send, canMove, exportAddress, refresh }: Props) {
  const id = useId();
  const [csv, setCsv] = useState("");
  const [move, setMove] = useState(false);
  const [local, setLocal] = useState<CsvLineError[]>([]);
  const upload = useMutation({
    mutationFn: () => send(csv, move),
    onSuccess: (done) => {
      if (done.ok) setCsv("");
      refresh();
    },
  });
  const change = (next: string) => {
    setCsv(next);
    setLocal([]);
    upload.reset();
  };
  const go = () => {
    const found = precheck(csv);
    setLocal(found);
    if (found.length === 0) upload.mutate();
  };
  return (
    <section className="card stack">
      <div className="card-head">
        <h2>{title}</h2>
        {exportAddress && (
          <a className="button small" href={exportAddress} download="devices.csv">
            {text.csvExport}
          </a>
        )}
      </div>
      <p className="muted">{lead}</p>
      <form className="form" onSubmit={submit(go)}>
        <div className="field">
          <label htmlFor={id}>{text.csvFile}</label>
          <input
            id={id}
            type="file"
            accept=".csv,text/csv,text/plain"
            onChange={(event) => void event.target.files?.[0]?.text().then(change)}
          />
        </div>
        <AreaField label={text.csvText} mono rows={4} value={csv} onChange={change} />
        {canMove && <CheckField label={text.csvMove} checked={move} onChange={setMove} />}
        <SaveBar busy={upload.isPending} error={upload.error} label={text.csvImport} />
      </form>
      <div role="status" className="stack tight">
        {local.length > 0 && <Faults title={text.csvLocal} errors={local} />}
        {upload.data?.ok && (
          <p className="note ok">
            {text.csvDone(upload.data.added, upload.data.unchanged, upload.data.lines)}
          </p>
        )}
        {upload.data && !upload.data.ok && (
          <Faults title={text.csvRefused(upload.data.errors.length)} errors={upload.data.errors} />
        )}
      </div>
    </section>
  );
}

function Faults({ title, errors }: { title: string; errors: CsvLineError[] }) {
  const c = text.csvColumns;
  return (
    <>
      <p className="note bad">{title}</p>
      <DataTable
        caption={title}
        rows={errors.slice(0, 200)}
        rowKey={(row) => `${row.line} ${row.code} ${row.value}`}
        columns={[
          { label: c.line, end: true, cell: (row) => row.line },
          { label: c.value, cell: (row) => <code>{row.value}</code> },
          { label: c.message, cell: (row) => row.message },
        ]}
      />
    </>
  );
}
