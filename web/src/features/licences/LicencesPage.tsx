import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api, must } from "../../api/client";
import { usePages } from "../../api/pages";
import { faultOf } from "../../api/problem";
import { queryClient } from "../../api/query";
import type { Licence, LicenceCheck, LicenceTerms, Page as PageOf } from "../../api/types";
import { useCustomer } from "../../app/session";
import { count } from "../../app/time";
import { licenceProduct, licenceState } from "../../app/words";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { PagedTable } from "../../ui/DataTable";
import { AskButton } from "../../ui/Dialogs";
import { Empty } from "../../ui/Empty";
import { Facts } from "../../ui/Facts";
import { AreaField } from "../../ui/fields";
import { submit } from "../../ui/form";
import { Page } from "../../ui/Page";
import { SaveBar } from "../../ui/SaveBar";
import { Time } from "../../ui/Time";
import { Seats } from "./Seats";
import { text } from "./text";

export default function LicencesPage() {
  const customer = useCustomer();
  const licences = usePages([customer, "licences"], () =>
    must<PageOf<Licence>>(api.GET("/customers/{customer}/licences", { params: { path: { customer } } })),
  );
  const [seats, setSeats] = useState<Licence | null>(null);
  const c = text.columns;
  return (
    <Page title={text.title} lead={text.lead}>
      {seats && <Seats licence={seats} close={() => setSeats(null)} />}
      <Add />
      <section className="stack tight">
        <h2>{text.list}</h2>
        <PagedTable
          caption={text.list}
          pages={licences}
          rowKey={(row) => row.id}
          empty={<Empty title={text.empty}>{text.emptyText}</Empty>}
          columns={[
            {
              label: c.to,
              cell: (row) => `${row.terms.licensee}${row.terms.trial ? ` (${text.trial})` : ""}`,
            },
            { label: c.way, cell: (row) => `${row.terms.source} → ${row.terms.target}` },
            {
              label: c.seats,
              cell: (row) => (
                <Button small look="quiet" disabled={row.used === 0} onClick={() => setSeats(row)}>
                  {text.seats(count(row.used), count(row.terms.devices))}
                </Button>
              ),
            },
            { label: c.state, cell: (row) => <Badge word={licenceState[row.state]} /> },
            {
              label: c.time,
              cell: (row) => (
                <>
                  <Time at={row.terms.not_before} style="date" /> –{" "}
                  <Time at={row.terms.not_after} style="date" />
                </>
              ),
            },
            { label: c.action, cell: (row) => <Remove licence={row} /> },
          ]}
        />
      </section>
    </Page>
  );
}

function Add() {
  const customer = useCustomer();
  const [licence, setLicence] = useState("");
  const call = { params: { path: { customer } }, body: { licence } };
  const check = useMutation({
    mutationFn: () => must<LicenceCheck>(api.POST("/customers/{customer}/licences/check", call)),
  });
  const add = useMutation({
    mutationFn: () => must<Licence>(api.POST("/customers/{customer}/licences", call)),
    onSuccess: () => {
      setLicence("");
      check.reset();
      void queryClient.invalidateQueries({ queryKey: [customer] });
    },
  });
  const change = (next: string) => {
    setLicence(next);
    check.reset();
    add.reset();
  };
  return (
    <section className="card">
      <h2>{text.form}</h2>
      <form className="form" onSubmit={submit(() => add.mutate())}>
        <AreaField
          label={text.licence}
          hint={text.licenceHint}
          required
          mono
          rows={4}
          value={licence}
          fault={faultOf(add.error, "licence")}
          onChange={change}
        />
        <div role="status">
          {check.data && <Checked check={check.data} />}
          {add.isSuccess && <p className="note ok">{text.added}</p>}
        </div>
        <SaveBar busy={add.isPending} error={add.error ?? check.error} label={text.add}>
          <Button busy={check.isPending} disabled={licence.trim() === ""} onClick={() => check.mutate()}>
            {text.check}
          </Button>
        </SaveBar>
      </form>
    </section>
  );
}

function Checked({ check }: { check: LicenceCheck }) {
  return (
    <div className={`note stack tight ${check.ok ? "ok" : "bad"}`}>
      {check.ok && <strong>{text.good}</strong>}
      <p>{check.message}</p>
      {check.terms && <Terms terms={check.terms} />}
    </div>
  );
}

function Terms({ terms }: { terms: LicenceTerms }) {
  const t = text.terms;
  return (
    <Facts
      facts={[
        [t.product, licenceProduct[terms.product]],
        [t.licensee, `${terms.licensee}${terms.trial ? ` (${text.trial})` : ""}`],
        [t.devices, count(terms.devices)],
        [t.source, terms.source],
        [t.target, terms.target],
        [t.issuer, terms.issuer],
        [t.from, <Time key="from" at={terms.not_before} style="date" />],
        [t.until, <Time key="until" at={terms.not_after} style="date" />],
      ]}
    />
  );
}

function Remove({ licence }: { licence: Licence }) {
  const customer = useCustomer();
  const remove = async () => {
    await must(
      api.DELETE("/customers/{customer}/licences/{licence}", {
        params: { path: { customer, licence: licence.id } },
      }),
    );
    await queryClient.invalidateQueries({ queryKey: [customer] });
  };
  return (
    <AskButton small label={text.remove} title={text.removeTitle} confirm={text.remove} onConfirm={remove}>
      <p>{text.removeText}</p>
    </AskButton>
  );
}
