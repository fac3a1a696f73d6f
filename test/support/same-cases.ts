/**
 * Loaded before the tests: where a run decides something for others (CI=true), properties are tried with the same cases every time, so that
 * a change is not refused for what it did not touch. By hand every run meets others.
 */
import fc from "fast-check";

if (process.env["CI"] === "true") fc.configureGlobal({ seed: 20_261_126 });
