// The frame: top bar, navigation, and the page in the middle.
import { useMutation } from "@tanstack/react-query";
import { Link, Outlet, useLocation, useNavigate } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { api, isStatus, must } from "../api/client";
import { queryClient } from "../api/query";
import { ROUTES } from "../routes";
import { Loading } from "../ui/Loading";
import { ProblemNote } from "../ui/ProblemNote";
import { useLive } from "./live";
import { CustomerChoice, useChoice, useSession } from "./session";
import { text } from "./text";
import { nextTheme, useTheme } from "./theme";

export function Shell() {
  const session = useSession();
  const navigate = useNavigate();
  const location = useLocation();
  const away = isStatus(session.error, 401);
  useEffect(() => {
    if (away) {
      queryClient.clear();
      void navigate({ to: "/sign-in", search: { next: location.pathname }, replace: true });
    }
  }, [away, navigate, location.pathname]);
  if (session.data) {
    return (
      <CustomerChoice session={session.data}>
        <Frame />
      </CustomerChoice>
    );
  }
  return (
    <main className="alone">
      {session.error && !away ? <ProblemNote error={session.error} /> : <Loading />}
    </main>
  );
}

function Frame() {
  const { customer } = useChoice();
  const [open, setOpen] = useState(false);
  const connected = useLive(customer?.id);
  const main = useRef<HTMLElement>(null);
  const { pathname } = useLocation();
  const before = useRef(pathname);
  useEffect(() => {
    if (before.current === pathname) return;
    before.current = pathname;
    setOpen(false);
    main.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [pathname]);
  const needsCustomer =
    !customer && !["/customers", "/administrators", "/settings", "/audit"].includes(pathname);
  return (
    <>
      <a className="skip" href="#main">
        {text.skip}
      </a>
      <TopBar open={open} toggle={() => setOpen(!open)} />
      <div className="frame">
        <Navigation open={open} close={() => setOpen(false)} />
        <main className="main" id="main" ref={main} tabIndex={-1}>
          <div role="status">{!connected && <p className="note warn">{text.lost}</p>}</div>
          {needsCustomer ? <NoCustomer /> : <Outlet key={customer?.id} />}
        </main>
      </div>
    </>
  );
}

function TopBar({ open, toggle }: { open: boolean; toggle: () => void }) {
  const { session, customer, choose } = useChoice();
  const theme = useTheme();
  const signOut = useMutation({
    mutationFn: () => must(api.DELETE("/session")),
    onSettled: () => {
      queryClient.clear();
      window.location.assign("/sign-in");
    },
  });
  return (
    <header className="topbar">
      <button
        type="button"
        className="button small nav-toggle"
        aria-expanded={open}
        aria-controls="navigation"
        onClick={toggle}
      >
        {text.menu}
      </button>
      <Link to="/" className="brand" aria-label={text.product}>
        <img src="/favicon.svg" alt="" />
        <span className="word">{text.product}</span>
      </Link>
      <span className="topbar-space" />
      {session.customers.length > 1 ? (
        <label className="row">
          <span className="hidden-visually">{text.customer}</span>
          <select
            className="input customer"
            value={customer?.id ?? ""}
            onChange={(event) => choose(event.target.value)}
          >
            {session.customers.map((one) => (
              <option key={one.id} value={one.id}>
                {one.name}
              </option>
            ))}
          </select>
        </label>
      ) : (
        customer && <span className="muted customer-name">{customer.name}</span>
      )}
      <button
        type="button"
        className="button small quiet"
        aria-label={text.theme[theme]}
        title={text.theme[theme]}
        onClick={nextTheme}
      >
        <span aria-hidden="true">{{ auto: "◐", light: "☀", dark: "☾" }[theme]}</span>
      </button>
      <span className="who muted">{session.name}</span>
      <button type="button" className="button small" onClick={() => signOut.mutate()}>
        {text.signOut}
      </button>
    </header>
  );
}

function Navigation({ open, close }: { open: boolean; close: () => void }) {
  const { pathname } = useLocation();
  const groups = Object.entries(text.groups);
  return (
    <nav
      className="nav"
      id="navigation"
      aria-label={text.mainNavigation}
      data-open={open}
      onKeyDown={(event) => event.key === "Escape" && close()}
    >
      {groups.map(([group, label]) => (
        <div key={group}>
          <h2 id={`nav-${group}`}>{label}</h2>
          <ul aria-labelledby={`nav-${group}`}>
            {ROUTES.filter((route) => "group" in route && route.group === group).map((route) => (
              <li key={route.path}>
                <Link
                  to={route.path}
                  onClick={close}
                  aria-current={isWithin(pathname, route.path) ? "page" : undefined}
                >
                  {route.title}
                </Link>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </nav>
  );
}

function isWithin(pathname: string, path: string): boolean {
  return path === "/" ? pathname === "/" : pathname === path || pathname.startsWith(`${path}/`);
}

function NoCustomer() {
  return (
    <div className="empty">
      <h1>{text.noCustomerTitle}</h1>
      <p>{text.noCustomerText}</p>
      <Link className="button primary" to="/customers">
        {text.customersPage}
      </Link>
    </div>
  );
}
