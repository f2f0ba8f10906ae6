import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import { api, must } from "../../api/client";
import { queryClient, SESSION_KEY } from "../../api/query";
import type { Session } from "../../api/types";
import { text as frame } from "../../app/text";
import { TextField } from "../../ui/fields";
import { submit, useDraft } from "../../ui/form";
import { Page } from "../../ui/Page";
import { SaveBar } from "../../ui/SaveBar";
import { nextPath } from "./next";
import { text } from "./text";

export default function SignInPage() {
  const navigate = useNavigate();
  const { value, set } = useDraft({ name: "", password: "" });
  const setup = useQuery({
    queryKey: ["setup"],
    queryFn: () => must<{ needed: boolean }>(api.GET("/setup")),
  });
  useEffect(() => {
    if (setup.data?.needed) void navigate({ to: "/setup", replace: true });
  }, [setup.data, navigate]);
  const send = useMutation({
    mutationKey: ["sign-in"],
    mutationFn: () => must<Session>(api.POST("/session", { body: value })),
    onSuccess: (session) => {
      queryClient.clear();
      queryClient.setQueryData(SESSION_KEY, session);
      void navigate({ to: nextPath(window.location.search), replace: true });
    },
  });
  return (
    <main className="alone">
      <div className="card">
        <p className="brand">
          <img src="/favicon.svg" alt="" />
          <span className="word">{frame.product}</span>
        </p>
        <Page title={text.title}>
          <form className="form" onSubmit={submit(() => send.mutate())}>
            <TextField
              label={text.name}
              required
              autoComplete="username"
              value={value.name}
              onChange={(name) => set({ name })}
            />
            <TextField
              label={text.password}
              type="password"
              required
              autoComplete="current-password"
              value={value.password}
              onChange={(password) => set({ password })}
            />
            <SaveBar busy={send.isPending} error={send.error} label={text.submit} />
          </form>
        </Page>
      </div>
    </main>
  );
}
