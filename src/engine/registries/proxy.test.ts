import { expect, test } from "bun:test";
import { proxyFor } from "./proxy.ts";

const PROXIES = { HTTPS_PROXY: "http://proxy:3128", http_proxy: "plain:80" };

test.each([
  ["https://registry.example/v2/", "", "http://proxy:3128"],
  ["http://registry.example/v2/", "", "http://plain:80"],
  ["https://registry.example/", "*", undefined],
  ["https://registry.example/", "registry.example", undefined],
  ["https://a.registry.example/", "registry.example", undefined],
  ["https://registry.example/", ".registry.example", "http://proxy:3128"],
  ["https://a.registry.example/", ".registry.example", undefined],
  ["https://a.registry.example/", "*.registry.example", undefined],
  ["https://notregistry.example/", "registry.example", "http://proxy:3128"],
  ["https://registry.example:5000/", "registry.example:5000", undefined],
  ["https://registry.example/", "registry.example:5000", "http://proxy:3128"],
  ["https://registry.example/", "registry.example:443", undefined],
  ["https://10.1.2.3/", "10.0.0.0/8", undefined],
  ["https://11.1.2.3/", "10.0.0.0/8, 192.0.2.1", "http://proxy:3128"],
  ["https://192.0.2.1/", "10.0.0.0/8, 192.0.2.1", undefined],
  ["https://[2001:db8::1]/", "2001:db8::1", undefined],
  ["https://127.0.0.1:5000/", "", undefined],
  ["https://localhost/", "", undefined],
])("proxyFor(%s), NO_PROXY=%s", (url, exceptions, want) => {
  expect(proxyFor(new URL(url), { ...PROXIES, NO_PROXY: exceptions })).toBe(want as never);
});
