import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api, must } from "../../api/client";
import { faultOf } from "../../api/problem";
import { queryClient } from "../../api/query";
import type { Job, Schedule } from "../../api/types";
import { useCustomer } from "../../app/session";
import { Button } from "../../ui/Button";
import { PagedTable } from "../../ui/DataTable";
import { Empty } from "../../ui/Empty";
import { ChoiceField, NumberField } from "../../ui/fields";
import { submit } from "../../ui/form";
import { Loading } from "../../ui/Loading";
import { Page } from "../../ui/Page";
import { ProblemNote } from "../../ui/ProblemNote";
import { SaveBar } from "../../ui/SaveBar";
import { Time } from "../../ui/Time";
import { JOB_COLUMNS } from "./JobTable";
import { useJobs, useSchedule } from "./queries";
import { text } from "./text";

export default function SchedulePage() {
  const customer = useCustomer();
  const schedule = useSchedule();
  const jobs = useJobs();
  const start = useMutation({
    mutationFn: () =>
      must<Job>(api.POST("/customers/{customer}/schedule/start", { params: { path: { customer } } })),
    onSettled: () => queryClient.invalidateQueries({ queryKey: [customer] }),
  });
  return (
    <Page
      title={text.title}
      lead={text.lead}
      actions={
        <Button look="primary" busy={start.isPending} onClick={() => start.mutate()}>
          {text.start}
        </Button>
      }
    >
      <ProblemNote error={start.error ?? schedule.error} />
      <div role="status">{start.isSuccess && <p className="note ok">{text.started}</p>}</div>
      {schedule.isPending && <Loading />}
      {schedule.data && <Rule key={JSON.stringify(schedule.data.rule)} schedule={schedule.data} />}
      <section className="stack tight">
        <h2>{text.jobs}</h2>
        <PagedTable
          caption={text.jobs}
          pages={jobs}
          rowKey={(job) => job.id}
          columns={JOB_COLUMNS}
          empty={<Empty title={text.noJobs}>{text.noJobsText}</Empty>}
        />
      </section>
    </Page>
  );
}

function Rule({ schedule }: { schedule: Schedule }) {
  const customer = useCustomer();
  const [kind, setKind] = useState(schedule.rule.kind);
  const [minutes, setMinutes] = useState(schedule.rule.kind === "interval" ? schedule.rule.minutes : 60);
  const save = useMutation({
    mutationFn: () =>
      must<Schedule>(
        api.PUT("/customers/{customer}/schedule", {
          params: { path: { customer } },
          body: { rule: kind === "manual" ? { kind } : { kind, minutes } },
        }),
      ),
    onSuccess: (saved) => queryClient.setQueryData([customer, "schedule"], saved),
  });
  return (
    <form className="card form" onSubmit={submit(() => save.mutate())}>
      <ChoiceField
        label={text.rule}
        value={kind}
        onChange={setKind}
        choices={(["manual", "interval"] as const).map((value) => ({
          value,
          label: text.rules[value],
          hint: text.ruleHints[value],
        }))}
      />
      {kind === "interval" && (
        <NumberField
          label={text.minutes}
          hint={text.minutesHint}
          min={5}
          max={10080}
          required
          value={minutes}
          fault={faultOf(save.error, "rule.minutes")}
          onChange={setMinutes}
        />
      )}
      <p>
        {text.next}: <Time at={schedule.next_start_at} none={text.manual} />
      </p>
      <SaveBar busy={save.isPending} saved={save.isSuccess} error={save.error} label={text.save} />
    </form>
  );
}
