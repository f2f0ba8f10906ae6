export const text = {
  title: "Sign in",
  name: "Sign-in name",
  password: "Password",
  submit: "Sign in",
};
