// Import and export of a batch's list.
import { useMutation } from "@tanstack/react-query";
import { useId, useState } from "react";
import { api } from "../../api/client";
import { problemFrom } from "../../api/problem";
import type { CsvImport, CsvLineError, Id } from "../../api/types";
import { useCustomer } from "../../app/session";
import { DataTable } from "../../ui/DataTable";
import { AreaField, CheckField } from "../../ui/fields";
import { submit } from "../../ui/form";
import { SaveBar } from "../../ui/SaveBar";
import { isCsvImport, precheck } from "./csv";
import { listAddress } from "./queries";
import { text } from "./text";

/** A refusal for lines is an answer too: it says which lines. */
async function send(customer: Id, batch: Id, csv: string, move: boolean): Promise<CsvImport> {
  const { data, error, response } = await api.POST("/customers/{customer}/batches/{batch}/devices/import", {
    params: { path: { customer, batch }, query: { if_elsewhere: move ? "move" : "refuse" } },
    headers: { "Content-Type": "text/csv" },
    body: csv,
    bodySerializer: (body: unknown) => body as string,
  });
  const body: unknown = data ?? error;
  if (isCsvImport(body)) return body;
  throw problemFrom(body, response.status, response.headers.get("Godwit-Request-Id"));
}

export function CsvBox({ batch, refresh }: { batch: Id; refresh: () => void }) {
  const customer = useCustomer();
  const id = useId();
  const [csv, setCsv] = useState("");
  const [move, setMove] = useState(false);
  const [local, setLocal] = useState<CsvLineError[]>([]);
  const upload = useMutation({
    mutationFn: () => send(customer, batch, csv, move),
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
        <h2>{text.csv}</h2>
        <a className="button small" href={listAddress(customer, batch)} download="devices.csv">
          {text.csvExport}
        </a>
      </div>
      <p className="muted">{text.csvLead}</p>
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
        <CheckField label={text.csvMove} checked={move} onChange={setMove} />
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
