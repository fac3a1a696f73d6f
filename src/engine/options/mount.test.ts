import { expect, test } from "bun:test";
import { type AskedMount, parseMount } from "./mount.ts";

const RO = { readonly: true };
const RW = { readonly: false };
const cases: [string, object][] = [
  [
    "type=bind,source=/etc,target=/a",
    { kind: "bind", source: "/etc", destination: "/a", ...RW, propagation: "rprivate" },
  ],
  [
    "type=bind,src=/etc/,dst=/a/b/..,ro,bind-propagation=rslave",
    { kind: "bind", source: "/etc", destination: "/a", ...RO, propagation: "rslave" },
  ],
  ["target=/a", { kind: "volume", destination: "/a", ...RW, copies: true }],
  [
    "type=volume,source=data,target=/a,readonly=true,volume-nocopy",
    { kind: "volume", name: "data", destination: "/a", ...RO, copies: false },
  ],
  [
    "type=volume,source=data,target=/a,volume-subpath=x//../y/z/",
    { kind: "volume", name: "data", destination: "/a", ...RW, copies: false, subpath: "y/z/" },
  ],
  ["type=image,source=box:1,target=/a", { kind: "image", image: "box:1", destination: "/a", ...RO }],
  [
    "type=image,source=box,target=/a,ro,image-subpath=etc",
    { kind: "image", image: "box", destination: "/a", ...RO, subpath: "etc" },
  ],
  [
    "type=image,source=box,target=/a,subpath=etc",
    { kind: "image", image: "box", destination: "/a", ...RO, subpath: "etc" },
  ],
  ...["rw=true", "readwrite", "ro=false"].map((word): [string, object] => [
    `type=image,source=box,target=/a,${word}`,
    { kind: "image", image: "box", destination: "/a", ...RW },
  ]),
  ["type=image,source=box,target=/a,rw=false", { kind: "image", image: "box", destination: "/a", ...RO }],
  ["target=/a,rw=false", { kind: "volume", destination: "/a", ...RO, copies: true }],
  [
    "type=bind,source=/etc,target=/a,bind-nonrecursive",
    { kind: "bind", source: "/etc", destination: "/a", ...RW, propagation: "rprivate", isRecursive: false },
  ],
  [
    "type=bind,source=/etc,target=/a,bind-recursive=disabled,bind-propagation=shared",
    { kind: "bind", source: "/etc", destination: "/a", ...RW, propagation: "shared", isRecursive: false },
  ],
  [
    "type=bind,source=/etc,target=/a,ro,bind-recursive=writable",
    {
      kind: "bind",
      source: "/etc",
      destination: "/a",
      ...RO,
      propagation: "rprivate",
      isReadonlyBelow: false,
    },
  ],
  [
    "type=bind,source=/etc,target=/a,ro,bind-recursive=readonly",
    {
      kind: "bind",
      source: "/etc",
      destination: "/a",
      ...RO,
      propagation: "rprivate",
      isReadonlyBelow: true,
    },
  ],
  [
    "type=bind,source=/nothing/there,target=/a,bind-create-src",
    { kind: "bind", source: "/nothing/there", destination: "/a", ...RW, propagation: "rprivate" },
  ],
  [
    'type=volume,target=/a,volume-opt=type=tmpfs,volume-opt=device=x,"volume-opt=o=size=1m,mode=700",volume-label=a=1',
    {
      ...{ kind: "volume", destination: "/a", ...RW, copies: true, labels: { a: "1" } },
      options: { type: "tmpfs", device: "x", o: "size=1m,mode=700" },
    },
  ],
  [
    "type=tmpfs,destination=/t,tmpfs-size=1m,tmpfs-mode=1770",
    {
      kind: "tmpfs",
      tmpfs: { destination: "/t", options: ["nosuid", "nodev", "noexec", "size=1m", "mode=1770"] },
    },
  ],
];
test.each(cases)("parseMount() reads %s", (text, want) =>
  expect(parseMount(text)).toEqual(want as AskedMount),
);

test.each([
  ["type=bind,source=/etc", "target is required"],
  ["type=bind,target=/a", "source must be an absolute path"],
  ["type=bind,source=etc,target=/a", "source must be an absolute path"],
  ["type=bind,source=/no/such/path,target=/a", "bind source path does not exist: /no/such/path"],
  ["type=bind,source=/etc,target=a", "target must be an absolute path"],
  ["type=bind,source=/etc,target=/", "target must be an absolute path"],
  ["type=bind,source=/etc,target=/a,target=/b", "target is given twice"],
  ["type=bind,source=/etc,target=/a,colour=red", "unexpected key 'colour'"],
  ["type=bind,source=/etc,target=/a,ro=maybe", "wants true or false"],
  ["type=tmpfs,source=x,target=/a", "a tmpfs has no source"],
  ["type=tmpfs,target=/a,tmpfs-size=big", "invalid size 'big'"],
  ["type=volume,source=a/b,target=/a", "invalid characters for a local volume name"],
  ["type=npipe,target=/a", "Unsupported --mount type=npipe"],
  ["target=/a,volume-opt=x", "wants NAME=VALUE"],
  ["target=/a,volume-driver=nfs", "Unsupported --mount with volume-driver=nfs"],
  ["target=/a,volume-subpath=x", "must not set volume-subpath when using anonymous volumes"],
  ["source=v0,target=/a,volume-subpath=a/../../b", "volume-subpath must be a relative path within it"],
  ["source=v0,target=/a,volume-subpath=/b", "volume-subpath must be a relative path within it"],
  ["source=v0,target=/a,volume-subpath=", "volume-subpath must be a relative path within it"],
  ["type=image,target=/a", "source is required: the image"],
  ["type=image,source=box,target=/a,image-subpath=..", "image-subpath must be a relative path within it"],
  ["type=image,source=box,target=/a,ro,rw", "readonly and readwrite are both given"],
  ["type=image,source=box,target=/a,rw=maybe", "wants true or false"],
  ["type=tmpfs,target=/a,volume-opt=a=b", "unexpected key 'volume-opt'"],
  ["target=/a,bind-nonrecursive", "unexpected key 'bind-nonrecursive'"],
  ["type=bind,source=/etc,target=/a,bind-nonrecursive=maybe", "wants true or false"],
  ["type=bind,source=/etc,target=/a,bind-recursive=readonly", "bind-recursive=readonly requires readonly"],
  [
    "type=bind,source=/etc,target=/a,ro,bind-recursive=readonly,bind-propagation=rslave",
    "requires bind-propagation=rprivate",
  ],
  ["type=bind,source=/etc,target=/a,bind-recursive=x", "invalid bind-recursive 'x'"],
  ['"target=/a', "a quote is not closed"],
])("parseMount() refuses %s: %s", (text, why) => expect(() => parseMount(text)).toThrow(why));
