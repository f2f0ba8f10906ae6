// Move a device between batches; rehearse a runbook on it.
import { useMutation } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { queryClient } from "../../api/query";
import type { Device } from "../../api/types";
import { useCustomer } from "../../app/session";
import { AskButton } from "../../ui/Dialogs";
import { SelectField } from "../../ui/fields";
import { submit } from "../../ui/form";
import { SaveBar } from "../../ui/SaveBar";
import { useBatches } from "../batches/queries";
import { useRunbooks } from "../runbooks/queries";
import { moveDevice, rehearse, runAgain } from "./queries";
import { text } from "./text";

export function MoveBox({ device }: { device: Device }) {
  const customer = useCustomer();
  const batches = useBatches().data ?? [];
  const [batch, setBatch] = useState("");
  const move = useMutation({
    mutationFn: () => moveDevice(customer, device.summary.id, batch),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: [customer] }),
  });
  return (
    <section className="card stack tight">
      <h2>{text.batch}</h2>
      <p>
        {device.batch ? (
          <>
            <Link to={`/batches/${device.batch.id}`}>{device.batch.name}</Link>{" "}
            <span className="muted">({device.batch.listed ? text.listed : text.caught})</span>
          </>
        ) : (
          "–"
        )}
      </p>
      <form className="form" onSubmit={submit(() => move.mutate())}>
        <SelectField
          label={text.moveTo}
          required
          value={batch}
          onChange={setBatch}
          options={batches
            .filter((one) => one.mode === "only_these")
            .map((one) => ({ value: one.id, label: one.name }))}
        />
        <SaveBar busy={move.isPending} saved={move.isSuccess} error={move.error} label={text.move} />
      </form>
    </section>
  );
}

export function RehearseBox({ device }: { device: Device }) {
  const customer = useCustomer();
  const navigate = useNavigate();
  const runbooks = useRunbooks().data ?? [];
  const [runbook, setRunbook] = useState("");
  const chosen = runbook || device.eligibility[0]?.runbook_id || runbooks[0]?.id || "";
  const ended = device.runs.some(
    (run) => run.kind === "run" && run.runbook_id === chosen && run.state === "finished",
  );
  const start = useMutation({
    mutationFn: () => rehearse(customer, device.summary.id, chosen),
    onSuccess: (run) => void navigate({ to: `/runs/${run.id}` }),
  });
  return (
    <section className="card stack tight">
      <h2>{text.rehearsal}</h2>
      <p className="muted">{text.rehearsalText}</p>
      <form className="form" onSubmit={submit(() => start.mutate())}>
        <SelectField
          label={text.rehearsalRunbook}
          required
          value={chosen}
          onChange={setRunbook}
          options={runbooks.map((one) => ({ value: one.id, label: one.name }))}
        />
        <SaveBar busy={start.isPending} error={start.error} label={text.rehearse}>
          {ended && (
            <AskButton
              label={text.again}
              title={text.againTitle}
              confirm={text.again}
              onConfirm={async () => {
                const run = await runAgain(customer, device.summary.id, chosen);
                await navigate({ to: `/runs/${run.id}` });
              }}
            >
              <p>{text.againText}</p>
            </AskButton>
          )}
        </SaveBar>
      </form>
    </section>
  );
}
