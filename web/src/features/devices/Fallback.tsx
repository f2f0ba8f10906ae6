// The local administrators that runs made on a device: shown without their passwords, and a
// password only after a reason, which the audit trail keeps.
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { faultOf } from "../../api/problem";
import type { Device, FallbackAdministrator } from "../../api/types";
import { useCustomer } from "../../app/session";
import { Button } from "../../ui/Button";
import { CopyText } from "../../ui/CopyText";
import { DataTable } from "../../ui/DataTable";
import { SidePanel } from "../../ui/Dialogs";
import { TextField } from "../../ui/fields";
import { submit } from "../../ui/form";
import { SaveBar } from "../../ui/SaveBar";
import { Time } from "../../ui/Time";
import { revealFallback } from "./queries";
import { text } from "./text";

export function Fallback({ device }: { device: Device }) {
  const [asked, setAsked] = useState<FallbackAdministrator | null>(null);
  const c = text.fallbackColumns;
  const held = device.fallback_administrators;
  return (
    <section className="stack tight">
      <h2>{text.fallback}</h2>
      {held.length === 0 ? (
        <p className="muted">
          {text.noFallback} <Link to="/runbooks">{text.toRunbooks}</Link>
        </p>
      ) : (
        <DataTable
          caption={text.fallback}
          rows={held}
          rowKey={(row) => row.run_id}
          columns={[
            { label: c.account, cell: (row) => <code>{row.account}</code> },
            { label: c.run, cell: (row) => <Link to={`/runs/${row.run_id}`}>{text.fallbackRun}</Link> },
            { label: c.since, cell: (row) => <Time at={row.escrowed_at} /> },
            {
              label: c.action,
              cell: (row) => (
                <Button small onClick={() => setAsked(row)}>
                  {text.reveal}
                </Button>
              ),
            },
          ]}
        />
      )}
      {asked && <Reveal device={device} account={asked} close={() => setAsked(null)} />}
    </section>
  );
}

type RevealProps = { device: Device; account: FallbackAdministrator; close: () => void };

function Reveal({ device, account, close }: RevealProps) {
  const customer = useCustomer();
  const [reason, setReason] = useState("");
  // Nothing of it outlives the panel.
  const show = useMutation({
    mutationFn: () => revealFallback(customer, device.summary.id, account.run_id, reason),
    gcTime: 0,
  });
  return (
    <SidePanel title={text.revealTitle(account.account, device.summary.name)} close={close}>
      {show.data ? (
        <div className="stack">
          <p>{text.revealed}</p>
          <CopyText label={text.fallbackColumns.account} value={`.\\${show.data.account}`} />
          <CopyText label={text.password} value={show.data.password} />
        </div>
      ) : (
        <form className="form" onSubmit={submit(() => show.mutate())}>
          <TextField
            label={text.reason}
            hint={text.reasonHint}
            required
            value={reason}
            onChange={setReason}
            fault={faultOf(show.error, "reason")}
          />
          <SaveBar busy={show.isPending} error={show.error} label={text.reveal} />
        </form>
      )}
    </SidePanel>
  );
}
