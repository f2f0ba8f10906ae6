// The batch editor: its runbooks with their windows, and its devices.
import { useMutation } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { api, ifMatch, must } from "../../api/client";
import { faultOf } from "../../api/problem";
import { queryClient } from "../../api/query";
import type { Batch, BatchInput } from "../../api/types";
import { useCustomer } from "../../app/session";
import { withSeconds } from "../../app/time";
import { AskButton } from "../../ui/Dialogs";
import { ChoiceField, SelectField, TextField } from "../../ui/fields";
import { submit, useDraft } from "../../ui/form";
import { Loading } from "../../ui/Loading";
import { Page } from "../../ui/Page";
import { ProblemNote } from "../../ui/ProblemNote";
import { SaveBar } from "../../ui/SaveBar";
import { useDirectoryOptions } from "../directories/queries";
import { BatchDevices } from "./BatchDevices";
import { useBatch } from "./queries";
import { text } from "./text";
import { Windows } from "./Windows";

export default function BatchPage() {
  const { batchId } = useParams({ strict: false }) as { batchId?: string };
  const query = useBatch(batchId);
  const batch = query.data;
  const crumb = <Link to="/batches">{text.title}</Link>;
  if (batchId && !batch) {
    return (
      <Page title={text.title} crumb={crumb}>
        {query.error ? <ProblemNote error={query.error} /> : <Loading />}
      </Page>
    );
  }
  return (
    <Page title={batch?.name ?? text.newTitle} crumb={crumb} actions={batch && <Remove batch={batch} />}>
      <Editor key={batch?.id ?? "new"} batch={batch} reload={() => void query.refetch()} />
      {batch ? <BatchDevices batch={batch} /> : <p className="muted">{text.saveFirst}</p>}
    </Page>
  );
}

const NEW: BatchInput = {
  name: "",
  source_directory_id: "",
  target_directory_id: "",
  mode: "only_these",
  runbooks: [],
};

/** Exactly the fields that a batch is made of, as the API takes them. */
function inputOf(value: BatchInput): BatchInput {
  return {
    name: value.name,
    source_directory_id: value.source_directory_id,
    target_directory_id: value.target_directory_id,
    mode: value.mode,
    runbooks: value.runbooks.map((one) => ({
      runbook_id: one.runbook_id,
      available_from: withSeconds(one.available_from),
      enforced_after: one.enforced_after ? withSeconds(one.enforced_after) : null,
      zone: one.zone,
    })),
  };
}

function Editor({ batch, reload }: { batch?: Batch; reload: () => void }) {
  const customer = useCustomer();
  const navigate = useNavigate();
  const directories = useDirectoryOptions();
  const { value, set } = useDraft<BatchInput>(batch ? inputOf(batch) : NEW);
  const save = useMutation({
    mutationFn: () => {
      const body = inputOf(value);
      if (!batch) {
        return must<Batch>(
          api.POST("/customers/{customer}/batches", { params: { path: { customer } }, body }),
        );
      }
      return must<Batch>(
        api.PUT("/customers/{customer}/batches/{batch}", {
          params: { path: { customer, batch: batch.id } },
          headers: ifMatch(batch.version),
          body,
        }),
      );
    },
    onSuccess: (saved) => {
      queryClient.setQueryData([customer, "batch", saved.id], saved);
      void queryClient.invalidateQueries({ queryKey: [customer] });
      if (!batch) void navigate({ to: `/batches/${saved.id}`, replace: true });
    },
  });
  const fault = (field: string) => faultOf(save.error, field);
  return (
    <form className="card form" onSubmit={submit(() => save.mutate())}>
      <TextField
        label={text.name}
        required
        value={value.name}
        fault={fault("name")}
        onChange={(name) => set({ name })}
      />
      <div className="pair">
        <SelectField
          label={text.source}
          required
          options={directories}
          value={value.source_directory_id}
          fault={fault("source_directory_id")}
          onChange={(source_directory_id) => set({ source_directory_id })}
        />
        <SelectField
          label={text.target}
          required
          options={directories}
          value={value.target_directory_id}
          fault={fault("target_directory_id")}
          onChange={(target_directory_id) => set({ target_directory_id })}
        />
      </div>
      <ChoiceField
        label={text.mode}
        value={value.mode}
        fault={fault("mode")}
        onChange={(mode) => set({ mode })}
        choices={(["only_these", "all_except"] as const).map((mode) => ({
          value: mode,
          label: text.modes[mode],
          hint: text.modeHints[mode],
        }))}
      />
      <Windows runbooks={value.runbooks} onChange={(runbooks) => set({ runbooks })} fault={fault} />
      <SaveBar busy={save.isPending} saved={save.isSuccess} error={save.error} reload={reload} />
    </form>
  );
}

function Remove({ batch }: { batch: Batch }) {
  const customer = useCustomer();
  const navigate = useNavigate();
  const remove = async () => {
    await must(
      api.DELETE("/customers/{customer}/batches/{batch}", {
        params: { path: { customer, batch: batch.id } },
        headers: ifMatch(batch.version),
      }),
    );
    await navigate({ to: "/batches" });
    await queryClient.invalidateQueries({ queryKey: [customer] });
  };
  return (
    <AskButton label={text.delete} title={text.deleteTitle} confirm={text.delete} onConfirm={remove}>
      <p>{text.deleteText}</p>
    </AskButton>
  );
}
