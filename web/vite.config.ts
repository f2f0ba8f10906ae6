import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The server sends `style-src 'self'` and `script-src 'self'`: nothing may end up inline.
export default defineConfig({
  plugins: [react()],
  build: {
    target: ["chrome123", "edge123", "firefox121", "safari17.5"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
