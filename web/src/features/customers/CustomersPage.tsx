import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api, ifMatch, must } from "../../api/client";
import { usePages } from "../../api/pages";
import { faultOf } from "../../api/problem";
import { queryClient, SESSION_KEY } from "../../api/query";
import type { Customer, Page as PageOf } from "../../api/types";
import { useChoice } from "../../app/session";
import { PagedTable } from "../../ui/DataTable";
import { Empty } from "../../ui/Empty";
import { TextField } from "../../ui/fields";
import { submit } from "../../ui/form";
import { Page } from "../../ui/Page";
import { SaveBar } from "../../ui/SaveBar";
import { Time } from "../../ui/Time";
import { text } from "./text";

const KEY = ["customers"];

async function refresh() {
  await queryClient.invalidateQueries({ queryKey: KEY });
  await queryClient.invalidateQueries({ queryKey: SESSION_KEY });
}

export default function CustomersPage() {
  const { customer } = useChoice();
  const rows = usePages(KEY, () => must<PageOf<Customer>>(api.GET("/customers")));
  const c = text.columns;
  return (
    <Page title={text.title} lead={text.lead}>
      <PagedTable
        caption={text.list}
        pages={rows}
        rowKey={(row) => row.id}
        empty={<Empty title={text.empty}>{text.emptyText}</Empty>}
        columns={[
          {
            label: c.name,
            cell: (row) => (
              <>
                <strong>{row.name}</strong>{" "}
                {row.id === customer?.id && <span className="muted">({text.open})</span>}
              </>
            ),
          },
          { label: c.made, cell: (row) => <Time at={row.created_at} /> },
          { label: c.rename, cell: (row) => <Rename key={row.version} customer={row} /> },
        ]}
      />
      <Add />
    </Page>
  );
}

function Rename({ customer }: { customer: Customer }) {
  const [name, setName] = useState(customer.name);
  const save = useMutation({
    mutationFn: () =>
      must<Customer>(
        api.PUT("/customers/{customer}", {
          params: { path: { customer: customer.id } },
          headers: ifMatch(customer.version),
          body: { name },
        }),
      ),
    onSuccess: refresh,
  });
  return (
    <form className="stack tight" onSubmit={submit(() => save.mutate())}>
      <TextField
        label={text.newName(customer.name)}
        bare
        required
        value={name}
        fault={faultOf(save.error, "name")}
        onChange={setName}
      />
      {(name !== customer.name || save.error) && (
        <SaveBar busy={save.isPending} error={save.error} label={text.rename} reload={() => void refresh()} />
      )}
    </form>
  );
}

function Add() {
  const { choose } = useChoice();
  const [name, setName] = useState("");
  const add = useMutation({
    mutationFn: () => must<Customer>(api.POST("/customers", { body: { name } })),
    onSuccess: async (made) => {
      setName("");
      await refresh();
      choose(made.id);
    },
  });
  return (
    <section className="card">
      <h2>{text.add}</h2>
      <form className="form" onSubmit={submit(() => add.mutate())}>
        <TextField
          label={text.name}
          required
          value={name}
          fault={faultOf(add.error, "name")}
          onChange={setName}
        />
        <SaveBar busy={add.isPending} saved={add.isSuccess} error={add.error} label={text.submit} />
      </form>
    </section>
  );
}
