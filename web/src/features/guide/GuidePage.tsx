// The first-run guide: what is done and what is to do.
import { useMutation, useQuery } from "@tanstack/react-query";
import { api, must } from "../../api/client";
import { queryClient } from "../../api/query";
import type { Guide, GuideCheck, GuideStep } from "../../api/types";
import { ServerLink } from "../../app/links";
import { useCustomer } from "../../app/session";
import type { Word } from "../../app/words";
import { Badge } from "../../ui/Badge";
import { CheckField } from "../../ui/fields";
import { Loading } from "../../ui/Loading";
import { Page } from "../../ui/Page";
import { ProblemNote } from "../../ui/ProblemNote";
import { Time } from "../../ui/Time";
import { text } from "./text";

const STATES: Record<GuideStep["state"], Word> = {
  done: { label: text.state.done, tone: "ok" },
  to_do: { label: text.state.to_do, tone: "info" },
  blocked: { label: text.state.blocked, tone: "plain" },
};

export default function GuidePage() {
  const customer = useCustomer();
  const key = [customer, "guide"];
  const query = useQuery({
    queryKey: key,
    queryFn: () => must<Guide>(api.GET("/customers/{customer}/guide", { params: { path: { customer } } })),
  });
  const tick = useMutation({
    mutationFn: ({ check, done }: { check: string; done: boolean }) =>
      must<Guide>(
        api.PUT("/customers/{customer}/guide/checks/{key}", {
          params: { path: { customer, key: check } },
          body: { done },
        }),
      ),
    onSuccess: (guide) => queryClient.setQueryData(key, guide),
  });
  const guide = query.data;
  return (
    <Page title={text.title} lead={text.lead}>
      <ProblemNote error={query.error ?? tick.error} />
      {query.isPending && <Loading />}
      {guide && (
        <>
          <Checks
            title={text.preparation}
            lead={text.preparationLead}
            checks={guide.preparation}
            tick={(check, done) => tick.mutate({ check, done })}
          />
          <Steps guide={guide} />
          <Checks
            title={text.checkpoint}
            lead={text.checkpointLead}
            checks={guide.checkpoint}
            tick={(check, done) => tick.mutate({ check, done })}
          />
        </>
      )}
    </Page>
  );
}

function Steps({ guide }: { guide: Guide }) {
  const done = guide.steps.filter((step) => step.state === "done").length;
  return (
    <section className="card">
      <div className="card-head">
        <h2>{text.steps}</h2>
        <span className="muted number">{text.progress(done, guide.steps.length)}</span>
      </div>
      <ol className="steps">
        {guide.steps.map((step) => {
          const isNext = guide.next === step.key;
          const mark = step.state === "done" ? "ok" : isNext ? "info" : "";
          return (
            <li key={step.key} data-step={step.key} data-state={step.state}>
              <span className={`mark ${mark}`} aria-hidden="true">
                {step.state === "done" ? "✓" : step.number}
              </span>
              <div>
                <h3>{step.title}</h3>
                <p className="muted">{step.found}</p>
                <ServerLink
                  className={isNext ? "button primary small" : undefined}
                  link={step.link}
                  label={`${text.open}: ${step.title}`}
                >
                  {text.open}
                </ServerLink>
              </div>
              <span className="state">
                <Badge word={isNext ? { label: text.next, tone: "info" } : STATES[step.state]} />
              </span>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

type ChecksProps = {
  title: string;
  lead: string;
  checks: GuideCheck[];
  tick: (key: string, done: boolean) => void;
};

function Checks({ title, lead, checks, tick }: ChecksProps) {
  const done = checks.filter((check) => check.done).length;
  return (
    <section className="card">
      <div className="card-head">
        <h2>{title}</h2>
        <span className="muted number">{text.progress(done, checks.length)}</span>
      </div>
      <div className="stack">
        <p className="muted">{lead}</p>
        {checks.map((check) => (
          <CheckField
            key={check.key}
            label={check.title}
            checked={check.done}
            onChange={(now) => tick(check.key, now)}
            hint={
              <>
                {check.help}{" "}
                {check.done && check.done_by && (
                  <em>
                    {text.tickedBy(check.done_by)}, <Time at={check.done_at} />
                  </em>
                )}
              </>
            }
          />
        ))}
      </div>
    </section>
  );
}
