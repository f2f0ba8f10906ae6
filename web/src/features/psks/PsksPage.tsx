import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api, must } from "../../api/client";
import { usePages } from "../../api/pages";
import { faultOf } from "../../api/problem";
import { queryClient } from "../../api/query";
import type { Page as PageOf, Psk, PskCreated, PskPolicy } from "../../api/types";
import { useCustomer } from "../../app/session";
import { count } from "../../app/time";
import { pskPolicy } from "../../app/words";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { CopyText } from "../../ui/CopyText";
import { PagedTable } from "../../ui/DataTable";
import { AskButton } from "../../ui/Dialogs";
import { Empty } from "../../ui/Empty";
import { ChoiceField, TextField } from "../../ui/fields";
import { submit } from "../../ui/form";
import { Page } from "../../ui/Page";
import { SaveBar } from "../../ui/SaveBar";
import { Time } from "../../ui/Time";
import { text } from "./text";

export default function PsksPage() {
  const customer = useCustomer();
  const [made, setMade] = useState<PskCreated | null>(null);
  const keys = usePages([customer, "psks"], () =>
    must<PageOf<Psk>>(api.GET("/customers/{customer}/psks", { params: { path: { customer } } })),
  );
  const c = text.columns;
  return (
    <Page title={text.title} lead={text.lead}>
      {made ? <Created made={made} done={() => setMade(null)} /> : <Make made={setMade} />}
      <section className="stack tight">
        <h2>{text.list}</h2>
        <PagedTable
          caption={text.list}
          pages={keys}
          rowKey={(row) => row.id}
          empty={<Empty title={text.empty}>{text.emptyText}</Empty>}
          columns={[
            { label: c.name, cell: (row) => row.name },
            { label: c.policy, cell: (row) => pskPolicy[row.policy] },
            { label: c.made, cell: (row) => <Time at={row.created_at} /> },
            { label: c.until, cell: (row) => <Time at={row.expires_at} none={text.always} /> },
            { label: c.enrolled, end: true, cell: (row) => count(row.enrolled) },
            { label: c.action, cell: (row) => <Revoke psk={row} /> },
          ]}
        />
      </section>
    </Page>
  );
}

function Make({ made }: { made: (created: PskCreated) => void }) {
  const customer = useCustomer();
  const [name, setName] = useState("");
  const [policy, setPolicy] = useState<PskPolicy | null>(null);
  const [expires, setExpires] = useState("");
  const send = useMutation({
    mutationFn: (chosen: PskPolicy) =>
      must<PskCreated>(
        api.POST("/customers/{customer}/psks", {
          params: { path: { customer } },
          body: { name, policy: chosen, expires_at: expires ? new Date(expires).toISOString() : null },
        }),
      ),
    onSuccess: (created) => {
      made(created);
      void queryClient.invalidateQueries({ queryKey: [customer] });
    },
  });
  return (
    <section className="card">
      <h2>{text.form}</h2>
      <form className="form" onSubmit={submit(() => policy && send.mutate(policy))}>
        <TextField
          label={text.name}
          hint={text.nameHint}
          required
          value={name}
          fault={faultOf(send.error, "name")}
          onChange={setName}
        />
        <ChoiceField
          label={text.policy}
          hint={text.policyHint}
          required
          value={policy}
          fault={faultOf(send.error, "policy")}
          onChange={setPolicy}
          choices={(["approve", "first_claim", "proof"] as const).map((value) => ({
            value,
            label: text.policies[value],
            hint: text.policyHints[value],
            disabled: value === "proof",
          }))}
        />
        <TextField
          label={text.expires}
          hint={text.expiresHint}
          type="datetime-local"
          value={expires}
          fault={faultOf(send.error, "expires_at")}
          onChange={setExpires}
        />
        <SaveBar busy={send.isPending} error={send.error} label={text.submit} />
      </form>
    </section>
  );
}

function Created({ made, done }: { made: PskCreated; done: () => void }) {
  return (
    <section className="card stack" aria-live="polite">
      <h2>{text.createdTitle}</h2>
      <p className="note warn">{text.createdText}</p>
      <CopyText label={text.key} value={made.text} />
      <CopyText label={text.command} value={made.install_command} />
      <div>
        <Button look="primary" onClick={done}>
          {text.done}
        </Button>
      </div>
    </section>
  );
}

function Revoke({ psk }: { psk: Psk }) {
  const customer = useCustomer();
  if (psk.revoked_at) {
    return (
      <>
        <Badge word={{ label: text.revoked, tone: "bad" }} /> <Time at={psk.revoked_at} />
      </>
    );
  }
  const revoke = async () => {
    await must(
      api.POST("/customers/{customer}/psks/{psk}/revoke", { params: { path: { customer, psk: psk.id } } }),
    );
    await queryClient.invalidateQueries({ queryKey: [customer] });
  };
  return (
    <AskButton small label={text.revoke} title={text.revokeTitle} confirm={text.revoke} onConfirm={revoke}>
      <p>{text.revokeText}</p>
    </AskButton>
  );
}
