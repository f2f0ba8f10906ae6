// Makes or changes a sync profile.
import { useMutation } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { api, ifMatch, must } from "../../api/client";
import { faultOf } from "../../api/problem";
import { queryClient } from "../../api/query";
import type { ObjectKind, SyncProfile } from "../../api/types";
import { useCustomer } from "../../app/session";
import { AskButton } from "../../ui/Dialogs";
import { CheckField, SelectField, TextField } from "../../ui/fields";
import { submit } from "../../ui/form";
import { Loading } from "../../ui/Loading";
import { Page } from "../../ui/Page";
import { ProblemNote } from "../../ui/ProblemNote";
import { SaveBar } from "../../ui/SaveBar";
import { Time } from "../../ui/Time";
import { useDirectoryOptions } from "../directories/queries";
import { type Draft, draftOf, inputOf, KINDS, ruleIndex } from "./draft";
import { useSyncProfile } from "./queries";
import { Found, SyncButton } from "./SyncProfilesPage";
import { text } from "./text";

export default function SyncProfilePage() {
  const { profileId } = useParams({ strict: false }) as { profileId?: string };
  const query = useSyncProfile(profileId);
  const profile = query.data;
  const crumb = <Link to="/sync-profiles">{text.title}</Link>;
  if (profileId && !profile) {
    return (
      <Page title={text.title} crumb={crumb}>
        {query.error ? <ProblemNote error={query.error} /> : <Loading />}
      </Page>
    );
  }
  return (
    <Page
      title={profile?.name ?? text.newTitle}
      crumb={crumb}
      actions={profile && <Remove profile={profile} />}
    >
      <div className="columns">
        <Editor key={profile?.id ?? "new"} profile={profile} reload={() => void query.refetch()} />
        {profile && (
          <section className="card stack">
            <h2>{text.result}</h2>
            <p>
              <Found profile={profile} />
              <br />
              <Time at={profile.synced_at} none={text.never} />
            </p>
            <SyncButton profile={profile} />
            <Link to="/translation-table">{text.toTable}</Link>
          </section>
        )}
      </div>
    </Page>
  );
}

function Editor({ profile, reload }: { profile?: SyncProfile; reload: () => void }) {
  const customer = useCustomer();
  const navigate = useNavigate();
  const options = useDirectoryOptions();
  const [draft, setDraft] = useState(() => draftOf(profile));
  const set = (change: Partial<Draft>) => setDraft((old) => ({ ...old, ...change }));
  const save = useMutation({
    mutationFn: () => {
      const body = inputOf(draft);
      if (!profile) {
        return must<SyncProfile>(
          api.POST("/customers/{customer}/sync-profiles", { params: { path: { customer } }, body }),
        );
      }
      return must<SyncProfile>(
        api.PUT("/customers/{customer}/sync-profiles/{profile}", {
          params: { path: { customer, profile: profile.id } },
          headers: ifMatch(profile.version),
          body,
        }),
      );
    },
    onSuccess: (saved) => {
      queryClient.setQueryData([customer, "sync-profile", saved.id], saved);
      void queryClient.invalidateQueries({ queryKey: [customer] });
      if (!profile) void navigate({ to: `/sync-profiles/${saved.id}`, replace: true });
    },
  });
  const fault = (field: string) => faultOf(save.error, field);
  return (
    <form className="card form" onSubmit={submit(() => save.mutate())}>
      <TextField
        label={text.name}
        required
        value={draft.name}
        fault={fault("name")}
        onChange={(name) => set({ name })}
      />
      <div className="pair">
        <SelectField
          label={text.source}
          required
          options={options}
          value={draft.source}
          fault={fault("source_directory_id")}
          onChange={(source) => set({ source })}
        />
        <SelectField
          label={text.target}
          hint={text.targetHint}
          required
          options={options}
          value={draft.target}
          fault={fault("target_directory_id")}
          onChange={(target) => set({ target })}
        />
      </div>
      <fieldset>
        <legend>{text.rules}</legend>
        <div className="hint">{text.rulesHint}</div>
        {fault("rules") && <div className="fault">{fault("rules")}</div>}
        {KINDS.map((kind) => (
          <RuleFields key={kind} kind={kind} draft={draft} set={set} error={save.error} />
        ))}
      </fieldset>
      <CheckField
        label={text.wellKnown}
        hint={text.wellKnownHint}
        checked={draft.well_known_groups}
        onChange={(well_known_groups) => set({ well_known_groups })}
      />
      <CheckField
        label={text.disabled}
        checked={draft.include_disabled}
        onChange={(include_disabled) => set({ include_disabled })}
      />
      <SaveBar
        busy={save.isPending}
        saved={save.isSuccess}
        error={save.error}
        reload={reload}
        label={text.save}
      />
    </form>
  );
}

type RuleProps = { kind: ObjectKind; draft: Draft; set: (change: Partial<Draft>) => void; error: unknown };

function RuleFields({ kind, draft, set, error }: RuleProps) {
  const rule = draft.rules[kind];
  const change = (part: Partial<typeof rule>) =>
    set({ rules: { ...draft.rules, [kind]: { ...rule, ...part } } });
  const fault = (field: string) => faultOf(error, `rules.${ruleIndex(draft, kind)}.${field}`);
  return (
    <div className="choice stack tight">
      <CheckField label={text.kinds[kind]} checked={rule.on} onChange={(on) => change({ on })} />
      {rule.on && (
        <div className="pair">
          <TextField
            label={text.sourceAttribute(text.kinds[kind])}
            required
            value={rule.source}
            fault={fault("source_attribute")}
            onChange={(source) => change({ source })}
          />
          <TextField
            label={text.targetAttribute(text.kinds[kind])}
            required
            value={rule.target}
            fault={fault("target_attribute")}
            onChange={(target) => change({ target })}
          />
        </div>
      )}
    </div>
  );
}

function Remove({ profile }: { profile: SyncProfile }) {
  const customer = useCustomer();
  const navigate = useNavigate();
  const remove = async () => {
    await must(
      api.DELETE("/customers/{customer}/sync-profiles/{profile}", {
        params: { path: { customer, profile: profile.id } },
        headers: ifMatch(profile.version),
      }),
    );
    await navigate({ to: "/sync-profiles" });
    await queryClient.invalidateQueries({ queryKey: [customer] });
  };
  return (
    <AskButton label={text.delete} title={text.deleteTitle} confirm={text.delete} onConfirm={remove}>
      <p>{text.deleteText}</p>
    </AskButton>
  );
}
