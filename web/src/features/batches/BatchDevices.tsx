// The list of a batch: search it, add to it, take off it.
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useCallback, useState } from "react";
import { asProblem } from "../../api/problem";
import { queryClient } from "../../api/query";
import type { Batch, Id, IfElsewhere } from "../../api/types";
import { useCustomer } from "../../app/session";
import { count } from "../../app/time";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { PagedTable } from "../../ui/DataTable";
import { Empty } from "../../ui/Empty";
import { ProblemNote } from "../../ui/ProblemNote";
import { SearchField } from "../../ui/SearchField";
import { useDevices } from "../devices/queries";
import { CsvBox } from "./CsvBox";
import { addDevices, importList, listAddress, removeDevice, useBatchDevices, useMembers } from "./queries";
import { text } from "./text";

export function BatchDevices({ batch }: { batch: Batch }) {
  const customer = useCustomer();
  const [q, setQ] = useState("");
  const list = useBatchDevices(batch.id, q);
  const refresh = () => queryClient.invalidateQueries({ queryKey: [customer] });
  const take = useMutation({
    mutationFn: (device: Id) => removeDevice(customer, batch.id, device),
    onSuccess: refresh,
  });
  const { listed, devices, finished } = batch.counts;
  const c = text.listColumns;
  return (
    <>
      <section className="card">
        <div className="card-head">
          <h2>{batch.mode === "only_these" ? text.devices : text.exceptions}</h2>
          <span className="muted number" role="status">
            {text.counts(count(listed), count(devices), count(finished))}
          </span>
        </div>
        <div className="toolbar">
          <SearchField label={text.searchList} onSearch={useCallback((words: string) => setQ(words), [])} />
        </div>
        <ProblemNote error={take.error} />
        <PagedTable
          caption={text.devices}
          pages={list}
          rowKey={(row) => row.device_id}
          empty={<Empty title={text.emptyList}>{text.emptyListText}</Empty>}
          columns={[
            { label: c.name, cell: (row) => <Link to={`/devices/${row.device_id}`}>{row.name}</Link> },
            { label: c.serial, cell: (row) => row.serial ?? "–" },
            {
              label: c.agent,
              cell: (row) => (
                <Badge
                  word={
                    row.trusted
                      ? { label: text.trusted, tone: "ok" }
                      : { label: text.untrusted, tone: "plain" }
                  }
                />
              ),
            },
            {
              label: c.action,
              cell: (row) => (
                <Button
                  small
                  disabled={take.isPending}
                  aria-label={text.removeFor(row.name)}
                  onClick={() => take.mutate(row.device_id)}
                >
                  {text.remove}
                </Button>
              ),
            },
          ]}
        />
      </section>
      {batch.mode === "all_except" && <Members batch={batch.id} />}
      <div className="columns">
        <AddBox batch={batch} listed={new Set(list.items.map((one) => one.device_id))} refresh={refresh} />
        <CsvBox
          title={text.csv}
          lead={text.csvLead}
          canMove
          send={(csv, move) => importList(customer, batch.id, csv, move)}
          exportAddress={listAddress(customer, batch.id)}
          refresh={refresh}
        />
      </div>
    </>
  );
}

type AddProps = { batch: Batch; listed: Set<Id>; refresh: () => void };

function AddBox({ batch, listed, refresh }: AddProps) {
  const customer = useCustomer();
  const [q, setQ] = useState("");
  const found = useDevices({ q, trust: "", directory: "" }, 10);
  const add = useMutation({
    mutationFn: ({ ids, elsewhere }: { ids: Id[]; elsewhere: IfElsewhere }) =>
      addDevices(customer, batch.id, ids, elsewhere),
    onSuccess: (saved) => {
      queryClient.setQueryData([customer, "batch", batch.id], saved);
      refresh();
    },
  });
  const asked = add.variables?.ids ?? [];
  const elsewhere = add.error && asProblem(add.error).code === "device_in_other_batch";
  return (
    <section className="card stack">
      <h2>{text.addDevices}</h2>
      <SearchField label={text.searchDevices} onSearch={useCallback((words: string) => setQ(words), [])} />
      <ProblemNote error={add.error} />
      {elsewhere && (
        <div>
          <Button busy={add.isPending} onClick={() => add.mutate({ ids: asked, elsewhere: "move" })}>
            {text.moveHere}
          </Button>
        </div>
      )}
      {found.items.length === 0 && !found.loading && <p className="muted">{text.noDevice}</p>}
      <ul className="plain-list stack tight">
        {found.items.slice(0, 10).map((device) => (
          <li key={device.id} className="row between">
            <span className="wrap-anywhere">
              {device.name} {device.serial && <span className="small muted">{device.serial}</span>}
            </span>
            {listed.has(device.id) ? (
              <span className="small muted">{text.onList}</span>
            ) : (
              <Button
                small
                disabled={add.isPending}
                aria-label={text.addFor(device.name)}
                onClick={() => add.mutate({ ids: [device.id], elsewhere: "refuse" })}
              >
                {text.addOne}
              </Button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Members({ batch }: { batch: Id }) {
  const members = useMembers(batch);
  const c = text.listColumns;
  return (
    <section className="stack tight">
      <h2>{text.members}</h2>
      <PagedTable
        caption={text.members}
        pages={members}
        rowKey={(row) => row.device_id}
        empty={<p className="muted">{text.noMembers}</p>}
        columns={[
          { label: c.name, cell: (row) => <Link to={`/devices/${row.device_id}`}>{row.name}</Link> },
          { label: c.serial, cell: (row) => row.serial ?? "–" },
        ]}
      />
    </section>
  );
}
