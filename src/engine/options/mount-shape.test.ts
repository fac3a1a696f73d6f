import { expect, test } from "bun:test";
import { parseMount } from "./mount.ts";
import { bindShape, mountShape } from "./mount-shape.ts";
import { parseVolume } from "./volume.ts";

test.each([
  [
    "type=bind,source=/tmp,target=/a,readonly,bind-recursive=writable",
    {
      ...{ Type: "bind", Source: "/tmp", Target: "/a", ReadOnly: true },
      BindOptions: { ReadOnlyNonRecursive: true },
    },
  ],
  [
    "type=bind,source=/tmp,target=/a,bind-nonrecursive,bind-propagation=shared",
    {
      Type: "bind",
      Source: "/tmp",
      Target: "/a",
      BindOptions: { Propagation: "shared", NonRecursive: true },
    },
  ],
  [
    "source=v1,target=/a,volume-label=a=b,volume-opt=type=nfs",
    {
      ...{ Type: "volume", Source: "v1", Target: "/a" },
      VolumeOptions: { Labels: { a: "b" }, DriverConfig: { Name: "local", Options: { type: "nfs" } } },
    },
  ],
  [
    "type=volume,source=v1,target=/a,volume-subpath=x",
    { Type: "volume", Source: "v1", Target: "/a", VolumeOptions: { Subpath: "x" } },
  ],
  [
    "type=image,source=box,target=/a,image-subpath=x",
    { Type: "image", Source: "box", Target: "/a", ReadOnly: true, ImageOptions: { Subpath: "x" } },
  ],
  [
    "type=tmpfs,target=/a,tmpfs-size=1m,readonly",
    { Type: "tmpfs", Target: "/a", ReadOnly: true, TmpfsOptions: { SizeBytes: 1048576 } },
  ],
])("mountShape() of %p", (text, shape) => expect(mountShape(parseMount(text)) as object).toEqual(shape));

test.each([
  ["/a", undefined],
  ["/x:/a", "/x:/a"],
  ["name:/a:ro,z", "name:/a:ro,z"],
  ["/x/../y:/a:rslave", "/y:/a:rslave"],
])("bindShape() of %p", (text, shape) => expect(bindShape(text, parseVolume(text))).toBe(shape));
