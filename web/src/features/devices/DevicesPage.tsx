import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useCallback, useState } from "react";
import { queryClient } from "../../api/query";
import type { ApproveResult, DeviceSummary, Id, TrustState } from "../../api/types";
import { useSearchChoice } from "../../app/links";
import { useCustomer } from "../../app/session";
import { trustState } from "../../app/words";
import { Badge } from "../../ui/Badge";
import { type Column, PagedTable } from "../../ui/DataTable";
import { AskButton } from "../../ui/Dialogs";
import { Empty } from "../../ui/Empty";
import { SelectField } from "../../ui/fields";
import { Page } from "../../ui/Page";
import { SearchField } from "../../ui/SearchField";
import { Time } from "../../ui/Time";
import { CsvBox } from "../batches/CsvBox";
import { importApprovals } from "../batches/queries";
import { useDirectoryName, useDirectoryOptions } from "../directories/queries";
import { approve, type DeviceFilter, useDevices } from "./queries";
import { text } from "./text";

const TRUSTS = Object.keys(text.trusts) as TrustState[];

export default function DevicesPage() {
  const customer = useCustomer();
  const asked = useSearchChoice("trust", TRUSTS);
  const [filter, setFilter] = useState<DeviceFilter>({ q: "", trust: asked, directory: "" });
  const set = useCallback((change: Partial<DeviceFilter>) => setFilter((old) => ({ ...old, ...change })), []);
  const search = useCallback((q: string) => set({ q }), [set]);
  const [chosen, setChosen] = useState<ReadonlySet<Id>>(new Set());
  const devices = useDevices(filter);
  const directories = useDirectoryOptions();
  const nameOf = useDirectoryName();
  const send = useMutation({
    mutationFn: () => approve(customer, [...chosen].slice(0, 1000)),
    onSuccess: () => {
      setChosen(new Set());
      void queryClient.invalidateQueries({ queryKey: [customer] });
    },
  });
  const toggle = (id: Id, now: boolean) => {
    const next = new Set(chosen);
    if (now) next.add(id);
    else next.delete(id);
    setChosen(next);
  };
  const c = text.columns;
  // Nothing to tick, nothing to approve: the column and the button would only be in the way.
  const waiting = chosen.size > 0 || devices.items.some((row) => row.trust === "pending");
  const tick: Column<DeviceSummary> = {
    label: c.select,
    bare: true,
    cell: (row) =>
      row.trust === "pending" && (
        <input
          type="checkbox"
          aria-label={text.chooseFor(row.name)}
          checked={chosen.has(row.id)}
          onChange={(event) => toggle(row.id, event.target.checked)}
        />
      ),
  };
  return (
    <Page
      title={text.title}
      lead={text.lead}
      actions={
        waiting && (
          <AskButton
            look="primary"
            label={text.approve(chosen.size)}
            title={text.approveTitle}
            confirm={text.approve(chosen.size)}
            disabled={chosen.size === 0}
            onConfirm={() => send.mutateAsync()}
          >
            <p>{text.approveText}</p>
          </AskButton>
        )
      }
    >
      <div role="status">{send.data && <Outcome result={send.data} />}</div>
      <div>
        <div className="toolbar">
          <SearchField label={text.search} onSearch={search} />
          <SelectField
            label={text.trust}
            empty={text.all}
            value={filter.trust}
            onChange={(trust) => set({ trust })}
            options={TRUSTS.map((value) => ({ value, label: text.trusts[value] }))}
          />
          <SelectField
            label={text.directory}
            empty={text.all}
            value={filter.directory}
            onChange={(directory) => set({ directory })}
            options={directories}
          />
        </div>
        <PagedTable
          caption={text.title}
          pages={devices}
          rowKey={(row) => row.id}
          empty={
            <Empty title={text.empty} action={<Link to="/directories">{text.toDirectories}</Link>}>
              {text.emptyText}
            </Empty>
          }
          columns={[
            ...(waiting ? [tick] : []),
            {
              label: c.name,
              cell: (row) => (
                <Link className="nowrap" to={`/devices/${row.id}`}>
                  {row.name}
                </Link>
              ),
            },
            { label: c.trust, cell: (row) => <Badge word={trustState[row.trust]} /> },
            { label: c.directory, cell: (row) => nameOf(row.directory_id) },
            { label: c.serial, cell: (row) => row.serial ?? "–" },
            { label: c.os, cell: (row) => row.os ?? "–" },
            { label: c.seen, cell: (row) => <Time at={row.last_seen_at} none={text.never} relative /> },
          ]}
        />
      </div>
      <CsvBox
        title={text.approveCsv}
        lead={text.approveCsvLead}
        send={(csv) => importApprovals(customer, csv)}
        refresh={() => void queryClient.invalidateQueries({ queryKey: [customer] })}
      />
    </Page>
  );
}

export function Outcome({ result }: { result: ApproveResult }) {
  return (
    <div className={result.refused.length > 0 ? "note warn" : "note ok"}>
      <p>{text.approved(result.approved)}</p>
      {result.refused.length > 0 && (
        <>
          <p>{text.refused}</p>
          <ul>
            {result.refused.map((one) => (
              <li key={one.device_id}>{one.message}</li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}
