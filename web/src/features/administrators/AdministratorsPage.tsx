import { useMutation } from "@tanstack/react-query";
import { api, must } from "../../api/client";
import { usePages } from "../../api/pages";
import { faultOf } from "../../api/problem";
import { queryClient } from "../../api/query";
import type { Administrator, Page as PageOf } from "../../api/types";
import { useChoice } from "../../app/session";
import { PagedTable } from "../../ui/DataTable";
import { AskButton } from "../../ui/Dialogs";
import { TextField } from "../../ui/fields";
import { submit, useDraft } from "../../ui/form";
import { Page } from "../../ui/Page";
import { SaveBar } from "../../ui/SaveBar";
import { Time } from "../../ui/Time";
import { text } from "./text";

const KEY = ["administrators"];
const refresh = () => queryClient.invalidateQueries({ queryKey: KEY });

export default function AdministratorsPage() {
  const { session } = useChoice();
  const rows = usePages(KEY, () => must<PageOf<Administrator>>(api.GET("/administrators")));
  const remove = async (id: string) => {
    await must(api.DELETE("/administrators/{administrator}", { params: { path: { administrator: id } } }));
    await refresh();
  };
  const c = text.columns;
  return (
    <Page title={text.title} lead={text.lead}>
      <PagedTable
        caption={text.list}
        pages={rows}
        rowKey={(row) => row.id}
        empty={null}
        columns={[
          { label: c.name, cell: (row) => `${row.name} ${row.id === session.admin_id ? text.you : ""}` },
          { label: c.added, cell: (row) => <Time at={row.created_at} /> },
          {
            label: c.action,
            cell: (row) =>
              row.id === session.admin_id ? (
                "–"
              ) : (
                <AskButton
                  small
                  label={text.remove}
                  title={text.removeTitle}
                  confirm={text.remove}
                  onConfirm={() => remove(row.id)}
                >
                  <p>{text.removeText}</p>
                </AskButton>
              ),
          },
        ]}
      />
      <div className="columns">
        <Add />
        <OwnPassword />
      </div>
    </Page>
  );
}

function Add() {
  const { value, set, replace } = useDraft({ name: "", password: "" });
  const add = useMutation({
    mutationFn: () => must<Administrator>(api.POST("/administrators", { body: value })),
    onSuccess: () => {
      replace({ name: "", password: "" });
      void refresh();
    },
  });
  return (
    <section className="card">
      <h2>{text.add}</h2>
      <form className="form" onSubmit={submit(() => add.mutate())}>
        <TextField
          label={text.name}
          required
          value={value.name}
          fault={faultOf(add.error, "name")}
          onChange={(name) => set({ name })}
        />
        <TextField
          label={text.password}
          hint={text.passwordHint}
          type="password"
          autoComplete="new-password"
          required
          value={value.password}
          fault={faultOf(add.error, "password")}
          onChange={(password) => set({ password })}
        />
        <SaveBar busy={add.isPending} saved={add.isSuccess} error={add.error} label={text.submit} />
      </form>
    </section>
  );
}

function OwnPassword() {
  const { value, set, replace } = useDraft({ current: "", new: "" });
  const change = useMutation({
    mutationFn: () => must(api.PUT("/session/password", { body: value })),
    onSuccess: () => replace({ current: "", new: "" }),
  });
  return (
    <section className="card">
      <h2>{text.own}</h2>
      <form className="form" onSubmit={submit(() => change.mutate())}>
        <TextField
          label={text.current}
          type="password"
          autoComplete="current-password"
          required
          value={value.current}
          fault={faultOf(change.error, "current")}
          onChange={(current) => set({ current })}
        />
        <TextField
          label={text.next}
          hint={text.nextHint}
          type="password"
          autoComplete="new-password"
          required
          value={value.new}
          fault={faultOf(change.error, "new")}
          onChange={(next) => set({ new: next })}
        />
        <SaveBar busy={change.isPending} saved={change.isSuccess} error={change.error} label={text.change} />
      </form>
    </section>
  );
}
