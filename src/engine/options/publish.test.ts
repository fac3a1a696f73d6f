import { expect, test } from "bun:test";
import { parseExposed, parseExposedOfImage, parsePublish } from "./publish.ts";

const cases = [
  { text: "80", want: [{ protocol: "tcp", containerPort: 80 }] },
  { text: "8080:80", want: [{ protocol: "tcp", hostPort: 8080, containerPort: 80 }] },
  // Any of them that is free.
  {
    text: "8000-8002:80",
    want: [{ protocol: "tcp", hostPort: 8000, lastHostPort: 8002, containerPort: 80 }],
  },
  { text: "8080:80/udp", want: [{ protocol: "udp", hostPort: 8080, containerPort: 80 }] },
  {
    text: "127.0.0.1:8080:80",
    want: [{ protocol: "tcp", hostAddress: "127.0.0.1", hostPort: 8080, containerPort: 80 }],
  },
  {
    text: "[fd00::1]:3868-3869:3868-3869/SCTP",
    want: [3868, 3869].map((port) => ({
      ...{ protocol: "sctp", hostAddress: "fd00::1", hostPort: port, containerPort: port },
    })),
  },
  { text: "127.0.0.1::80", want: [{ protocol: "tcp", hostAddress: "127.0.0.1", containerPort: 80 }] },
  {
    text: "[::1]:8080:80",
    want: [{ protocol: "tcp", hostAddress: "::1", hostPort: 8080, containerPort: 80 }],
  },
  {
    text: "[fd00:0::1]:8080:80",
    want: [{ protocol: "tcp", hostAddress: "fd00::1", hostPort: 8080, containerPort: 80 }],
  },
  { text: "0:80", want: [{ protocol: "tcp", containerPort: 80 }] },
  { text: "[::]::80", want: [{ protocol: "tcp", hostAddress: "::", containerPort: 80 }] },
  {
    text: "0.0.0.0:1:2",
    want: [{ protocol: "tcp", hostAddress: "0.0.0.0", hostPort: 1, containerPort: 2 }],
  },
  {
    text: "9000-9001:80-81",
    want: [
      { protocol: "tcp", hostPort: 9000, containerPort: 80 },
      { protocol: "tcp", hostPort: 9001, containerPort: 81 },
    ],
  },
];
test.each(cases)("parsePublish($text)", ({ text, want }) =>
  expect(parsePublish(text)).toEqual(want as never),
);

const refused = [
  "",
  "0",
  "65536",
  "80/icmp",
  "80/tcp/udp",
  "a:80",
  "80:",
  "1-3:1-2",
  "3-1:3-1",
  "1.2.3:80:80",
  "1:2:3:4",
  "-80",
  "[::1]:80:80/sctp",
  "[::1]:80",
  "[127.0.0.1]:80:80",
  "[::1:80:80",
  "[fd00::g]:80:80",
];
test.each(refused)("parsePublish() refuses %p and says which", (text) =>
  expect(() => parsePublish(text)).toThrow(text === "" ? "''" : text),
);

test("parsePublish() takes udp at [::1], spelt as the kernel does", () =>
  expect(parsePublish("[0::1]:80:80/udp")).toEqual([
    { protocol: "udp", hostAddress: "::1", hostPort: 80, containerPort: 80 },
  ]));

test.each([
  ["80-81/UDP", [80, 81]],
  ["3868/sctp", [3868]],
  ["443", [443]],
])("parseExposed() reads %s", (text, ports) => {
  expect(parseExposed(text).map(({ containerPort }) => containerPort)).toEqual(ports);
  expect(parseExposedOfImage(text)).toEqual(parseExposed(text));
});

test.each([
  ["80:80", "invalid port format for --expose: 80:80"],
  ["x", "invalid range format for --expose: x"],
  ["80/icmp", "invalid range format for --expose: 80/icmp"],
])("parseExposed() refuses %s, of which an image may speak", (text, why) => {
  expect(() => parseExposed(text)).toThrow(why);
  expect(parseExposedOfImage(text)).toEqual([]);
});
