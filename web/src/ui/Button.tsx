import type { ButtonHTMLAttributes } from "react";
import { text } from "./text";

type Props = ButtonHTMLAttributes<HTMLButtonElement> & {
  look?: "primary" | "danger" | "quiet";
  small?: boolean;
  busy?: boolean;
};

export function Button({ look, small, busy, children, disabled, type = "button", ...rest }: Props) {
  const classes = ["button", look, small && "small"].filter(Boolean).join(" ");
  return (
    <button
      {...rest}
      type={type}
      className={classes}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
    >
      {busy ? text.working : children}
    </button>
  );
}
