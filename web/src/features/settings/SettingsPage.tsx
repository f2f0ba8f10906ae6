import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, ifMatch, must } from "../../api/client";
import { faultOf } from "../../api/problem";
import { queryClient } from "../../api/query";
import type { About, Settings } from "../../api/types";
import { Facts } from "../../ui/Facts";
import { NumberField, TextField } from "../../ui/fields";
import { submit, useDraft } from "../../ui/form";
import { Loading } from "../../ui/Loading";
import { Page } from "../../ui/Page";
import { ProblemNote } from "../../ui/ProblemNote";
import { SaveBar } from "../../ui/SaveBar";
import { Time } from "../../ui/Time";
import { Issuers } from "./Issuers";
import { text } from "./text";

const KEY = ["settings"];

export default function SettingsPage() {
  const query = useQuery({ queryKey: KEY, queryFn: () => must<Settings>(api.GET("/settings")) });
  const about = useQuery({ queryKey: ["about"], queryFn: () => must<About>(api.GET("/about")) });
  return (
    <Page title={text.title} lead={text.lead}>
      <ProblemNote error={query.error ?? about.error} />
      {query.isPending && <Loading />}
      <div className="columns">
        {query.data && (
          <Editor key={query.data.version} settings={query.data} reload={() => void query.refetch()} />
        )}
        <div className="stack">
          {query.data && <Recovery confirmed={query.data.recovery_key_confirmed} />}
          {about.data && <AboutCard about={about.data} />}
        </div>
      </div>
    </Page>
  );
}

function Editor({ settings, reload }: { settings: Settings; reload: () => void }) {
  const { value, set } = useDraft({
    agent_url: settings.agent_url,
    poll_minutes: settings.poll_minutes,
    licence_issuers: settings.licence_issuers,
  });
  const save = useMutation({
    mutationKey: ["settings"],
    mutationFn: () =>
      must<Settings>(api.PUT("/settings", { headers: ifMatch(settings.version), body: value })),
    onSuccess: (saved) => {
      queryClient.setQueryData(KEY, { ...saved });
      void queryClient.invalidateQueries();
    },
  });
  const fault = (field: string) => faultOf(save.error, field);
  return (
    <form className="card form" onSubmit={submit(() => save.mutate())}>
      <TextField
        label={text.agentUrl}
        hint={text.agentUrlHint}
        required
        type="url"
        value={value.agent_url}
        fault={fault("agent_url")}
        onChange={(agent_url) => set({ agent_url })}
      />
      <NumberField
        label={text.poll}
        hint={text.pollHint}
        required
        min={5}
        max={1440}
        value={value.poll_minutes}
        fault={fault("poll_minutes")}
        onChange={(poll_minutes) => set({ poll_minutes })}
      />
      <Issuers
        issuers={value.licence_issuers}
        fault={fault}
        onChange={(licence_issuers) => set({ licence_issuers })}
      />
      <SaveBar busy={save.isPending} saved={save.isSuccess} error={save.error} reload={reload} />
    </form>
  );
}

function Recovery({ confirmed }: { confirmed: boolean }) {
  const [typed, setTyped] = useState("");
  const confirm = useMutation({
    mutationFn: () => must(api.POST("/settings/recovery-key/confirm", { body: { recovery_key: typed } })),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: KEY }),
  });
  return (
    <section className="card stack">
      <h2>{text.recovery}</h2>
      {confirmed ? (
        <p className="note ok">{text.recoveryDone}</p>
      ) : (
        <form className="form" onSubmit={submit(() => confirm.mutate())}>
          <p className="note warn">{text.recoveryMissing}</p>
          <TextField
            label={text.recoveryType}
            required
            mono
            value={typed}
            fault={faultOf(confirm.error, "recovery_key")}
            onChange={setTyped}
          />
          <SaveBar busy={confirm.isPending} error={confirm.error} label={text.recoveryConfirm} />
        </form>
      )}
    </section>
  );
}

function AboutCard({ about }: { about: About }) {
  const n = text.names;
  const { certificate } = about;
  return (
    <section className="card">
      <h2>{text.about}</h2>
      <Facts
        facts={[
          [n.version, about.version],
          [n.database, about.database],
          [n.started, <Time key="started" at={about.started_at} />],
          [n.now, <Time key="now" at={about.now} />],
          [n.certificate, certificate.source.replaceAll("_", " ")],
          [n.names, certificate.names.join(", ")],
          [n.until, <Time key="until" at={certificate.not_after} />],
          [n.sha256, <code key="sha256">{certificate.sha256}</code>],
        ]}
      />
    </section>
  );
}
