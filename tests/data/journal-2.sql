PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE events (
  run   INTEGER NOT NULL,
  seq   INTEGER NOT NULL,
  json  TEXT NOT NULL,
  large TEXT,
  sum   INTEGER NOT NULL,
  PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO "events" VALUES(1,0,'{"event":{"started":{"at":"2026-11-21T08:40:25.574532282Z","run_id":"01a1fd43-8ea7-736b-a2cb-dd1a0b0b05c4","program":"sha256:ea53d041f3c4da4a17de662959209580e9d1cd13f32b426f4edb9fc096d7c32f","project":"kept","args":{},"grants":["store.write"],"delivery":false,"flags":{}}}}',NULL,2334883604941937178);
INSERT INTO "events" VALUES(1,1,'{"claimed":{"key":{"step":"first","attempt":1},"args":"db25311393579698c036da19164bb1a9c60ef9d473e0dd0b72f21fb80e0cd14f"}}',NULL,-7833471815883030549);
INSERT INTO "events" VALUES(1,2,'{"event":{"done":{"at":"2026-11-21T08:40:25.62991194Z","key":{"step":"first","attempt":1},"value":{"id":"1"}}}}',NULL,8051317804119024350);
INSERT INTO "events" VALUES(2,0,'{"event":{"started":{"at":"2026-11-21T08:40:25.750559607Z","run_id":"01a1fd43-8f78-7063-83fc-4eaf952e69d7","program":"sha256:20fd11dd35c304dd45b25328ff9645543066918e8fbed4e59c063b75b3458fd8","project":"kept","args":{},"grants":["store.write"],"delivery":false,"flags":{}}}}',NULL,-1218831879509121892);
INSERT INTO "events" VALUES(2,1,'{"claimed":{"key":{"step":"kept","attempt":1},"args":"845ef5a56a34f2ffb9d77439a1475b431c9662cede26c8885daff1e73d383eae"}}',NULL,-3961974289757576723);
INSERT INTO "events" VALUES(2,2,'{"event":{"done":{"at":"2026-11-21T08:40:25.785986888Z","key":{"step":"kept","attempt":1},"value":{"id":"2"}}}}',NULL,-646394452975957674);
INSERT INTO "events" VALUES(2,3,'{"claimed":{"key":{"step":"kept/undo","attempt":1},"args":"8c61ddfe0cc8cdbe6229773658f05c03eede9ff2b5cf3501a39cb9f5d014c0d1"}}',NULL,-1200318098168066547);
INSERT INTO "events" VALUES(2,4,'{"event":{"done":{"at":"2026-11-21T08:40:25.787716125Z","key":{"step":"kept/undo","attempt":1},"value":{"deleted":true}}}}',NULL,-9181511538235151575);
INSERT INTO "events" VALUES(2,5,'{"event":{"done":{"at":"2026-11-21T08:40:25.788327741Z","key":{"step":"kept/undo","attempt":1},"value":null}}}',NULL,-1499457722697788867);
INSERT INTO "events" VALUES(3,0,'{"event":{"started":{"at":"2026-11-21T08:40:25.898429267Z","run_id":"01a1fd43-900e-708c-b3bc-624d1da5b99e","program":"sha256:ccb20d7ce7b681d9ed86047ab33ac608bfc3f7dd0e751a56a3ecd87aa51fc13e","project":"kept","args":{},"grants":["store.write"],"delivery":false,"flags":{}}}}',NULL,-849609285786207871);
INSERT INTO "events" VALUES(3,1,'{"event":{"done":{"at":"2026-11-21T08:40:25.904309471Z","key":{"step":"run","attempt":1},"value":"01a1fd43-902a-7235-a800-32a9414357e6"}}}',NULL,7469712744233170363);
INSERT INTO "events" VALUES(4,0,'{"event":{"started":{"at":"2026-11-21T08:40:25.902535074Z","run_id":"01a1fd43-902a-7235-a800-32a9414357e6","program":"sha256:a5ba24a24b92065e4ca887fda9cb3043c87ed3edbd8bf1cbd92183793230e6c0","project":"kept","args":{"n":3},"grants":["store.write"],"delivery":false,"flags":{}}}}',NULL,-6041629870651093371);
INSERT INTO "events" VALUES(4,1,'{"claimed":{"key":{"step":"kept","attempt":1},"args":"cce683e992372a0bf9dcf8a63e641b6ffa6be89cded16d02af4637fb76ba44fb"}}',NULL,-5488905380402434936);
INSERT INTO "events" VALUES(4,2,'{"event":{"done":{"at":"2026-11-21T08:40:25.929849362Z","key":{"step":"kept","attempt":1},"value":{"id":"3"}}}}',NULL,6298751329630545313);
CREATE TABLE keys (
  scope  TEXT NOT NULL,
  key    TEXT NOT NULL,
  args   TEXT NOT NULL,
  run_id TEXT NOT NULL,
  step   TEXT NOT NULL,
  since  TEXT NOT NULL,
  value  TEXT,
  sum    INTEGER NOT NULL,
  name   INTEGER NOT NULL,
  PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE payloads (
  hash TEXT PRIMARY KEY,
  json TEXT NOT NULL
) STRICT;
CREATE TABLE plans (
  hash TEXT PRIMARY KEY,
  json TEXT NOT NULL,
  sum  INTEGER NOT NULL
) STRICT;
INSERT INTO "plans" VALUES('sha256:ea53d041f3c4da4a17de662959209580e9d1cd13f32b426f4edb9fc096d7c32f','{"version":1,"entry":0,"flows":[{"name":"a.main","role":"coordinator","params":[],"returns":{"record":{"fields":{"id":{"ty":{"string":null}}}}},"can":["store.write"],"slots":4,"body":{"graph":{"nodes":[{"name":"first","loc":{"file":0,"span":{"start":65,"end":117}},"bind":0,"kind":{"act":{"target":{"tool":{"tool":"store.put","args":{"record":[{"field":["collection",{"const":"c"}]},{"field":["id",{"const":"1"}]},{"field":["value",{"record":[{"field":["n",{"const":1}]}]}]}]}}},"result":1,"value":null,"timeout":null,"policy":[{"codes":["timeout","rate_limited","unavailable"],"retry":{"count":3,"lo_ms":200,"hi_ms":30000,"only_if_not_happened":false},"then":"fail"}],"until":null,"handlers":[],"undo":null,"is_final":false,"key":null,"repeatable":true}},"effect":"barrier"},{"name":"answer","loc":{"file":0,"span":{"start":129,"end":158}},"bind":2,"kind":{"act":{"target":{"ask":{"question":{"const":"go on?"},"ty":{"record":{"fields":{"yes":{"ty":"bool"}}}},"from":null}},"result":3,"value":null,"timeout":null,"policy":[],"until":null,"handlers":[],"undo":null,"is_final":false,"key":null,"repeatable":true}},"effect":"barrier"},{"name":"return","loc":{"file":0,"span":{"start":161,"end":173}},"bind":null,"kind":{"return":{"slot":{"up":0,"at":0}}},"effect":"barrier"}],"node_holes":[],"edge_property":"directed","edges":[[0,1,"order"],[0,2,"data"],[1,2,"order"]]},"value":null},"function":null,"barrier":true,"clauses":{"timeout_ms":null,"limit":null,"concurrency":null,"priority":0,"budget":{"calls":null,"time_ms":null,"cost":null,"depth":null},"before":null,"after":null,"on_error":null,"sample":null}}],"functions":[],"tools":{"store.put":{"name":"store.put","input":{"record":{"fields":{"collection":{"ty":{"string":null}},"id":{"ty":{"string":null}},"value":{"ty":"json"}}}},"output":{"record":{"fields":{"id":{"ty":{"marked":["untrusted",{"string":null}]}}}}},"capabilities":["store.write"],"idempotent":true,"accepts_key":null,"untrusted":false,"cost":0.0,"errors":{},"timeout_ms":30000}},"types":{"types":{}},"files":["a.flow","weir.toml"]}',785582101983335495);
INSERT INTO "plans" VALUES('sha256:20fd11dd35c304dd45b25328ff9645543066918e8fbed4e59c063b75b3458fd8','{"version":1,"entry":0,"flows":[{"name":"a.undoes","role":"saga","params":[],"returns":null,"can":["store.write"],"slots":2,"body":{"graph":{"nodes":[{"name":"kept","loc":{"file":0,"span":{"start":218,"end":270}},"bind":0,"kind":{"act":{"target":{"tool":{"tool":"store.put","args":{"record":[{"field":["collection",{"const":"c"}]},{"field":["id",{"const":"2"}]},{"field":["value",{"record":[{"field":["n",{"const":2}]}]}]}]}}},"result":1,"value":null,"timeout":null,"policy":[{"codes":["timeout","rate_limited","unavailable"],"retry":{"count":3,"lo_ms":200,"hi_ms":30000,"only_if_not_happened":false},"then":"fail"}],"until":null,"handlers":[],"undo":{"target":{"tool":{"tool":"store.delete","args":{"record":[{"field":["collection",{"const":"c"}]},{"field":["id",{"const":"2"}]}]}}}},"is_final":false,"key":{"key":{"const":"k2"},"per_run":false},"repeatable":true}},"effect":"barrier"},{"name":"fail","loc":{"file":0,"span":{"start":326,"end":344}},"bind":null,"kind":{"exit":{"raise":{"code":"conflict","message":{"const":"no"}}}},"effect":"barrier"}],"node_holes":[],"edge_property":"directed","edges":[[0,1,"order"]]},"value":{"const":null}},"function":null,"barrier":true,"clauses":{"timeout_ms":null,"limit":null,"concurrency":null,"priority":0,"budget":{"calls":null,"time_ms":null,"cost":null,"depth":null},"before":null,"after":null,"on_error":null,"sample":null}}],"functions":[],"tools":{"store.put":{"name":"store.put","input":{"record":{"fields":{"collection":{"ty":{"string":null}},"id":{"ty":{"string":null}},"value":{"ty":"json"}}}},"output":{"record":{"fields":{"id":{"ty":{"marked":["untrusted",{"string":null}]}}}}},"capabilities":["store.write"],"idempotent":true,"accepts_key":null,"untrusted":false,"cost":0.0,"errors":{},"timeout_ms":30000},"store.delete":{"name":"store.delete","input":{"record":{"fields":{"collection":{"ty":{"string":null}},"id":{"ty":{"string":null}}}}},"output":{"record":{"fields":{"deleted":{"ty":"bool"}}}},"capabilities":["store.write"],"idempotent":true,"accepts_key":null,"untrusted":false,"cost":0.0,"errors":{},"timeout_ms":30000}},"types":{"types":{}},"files":["a.flow","weir.toml"]}',-444073234997681610);
INSERT INTO "plans" VALUES('sha256:ccb20d7ce7b681d9ed86047ab33ac608bfc3f7dd0e751a56a3ecd87aa51fc13e','{"version":1,"entry":0,"flows":[{"name":"a.parent","role":"coordinator","params":[],"returns":{"string":null},"can":["store.write"],"slots":2,"body":{"graph":{"nodes":[{"name":"run","loc":{"file":0,"span":{"start":405,"end":422}},"bind":0,"kind":{"act":{"target":{"start":{"flow":1,"args":{"record":[{"field":["n",{"const":3}]}]},"delay":null}},"result":1,"value":null,"timeout":null,"policy":[],"until":null,"handlers":[],"undo":null,"is_final":false,"key":null,"repeatable":false}},"effect":"barrier"},{"name":"return","loc":{"file":0,"span":{"start":425,"end":435}},"bind":null,"kind":{"return":{"slot":{"up":0,"at":0}}},"effect":"barrier"}],"node_holes":[],"edge_property":"directed","edges":[[0,1,"data"]]},"value":null},"function":null,"barrier":true,"clauses":{"timeout_ms":null,"limit":null,"concurrency":null,"priority":0,"budget":{"calls":null,"time_ms":null,"cost":null,"depth":null},"before":null,"after":null,"on_error":null,"sample":null}},{"name":"a.keeps","role":"executor","params":[{"name":"n","ty":{"int":{"lo":null,"hi":null}},"optional":false,"default":null}],"returns":{"record":{"fields":{"id":{"ty":{"string":null}}}}},"can":["store.write"],"slots":3,"body":{"graph":{"nodes":[{"name":"kept","loc":{"file":0,"span":{"start":507,"end":556}},"bind":1,"kind":{"act":{"target":{"tool":{"tool":"store.put","args":{"record":[{"field":["collection",{"const":"c"}]},{"field":["id",{"const":"3"}]},{"field":["value",{"record":[{"field":["n",{"slot":{"up":0,"at":0}}]}]}]}]}}},"result":2,"value":null,"timeout":null,"policy":[{"codes":["timeout","rate_limited","unavailable"],"retry":{"count":3,"lo_ms":200,"hi_ms":30000,"only_if_not_happened":false},"then":"fail"}],"until":null,"handlers":[],"undo":null,"is_final":true,"key":null,"repeatable":true}},"effect":"barrier"},{"name":"return","loc":{"file":0,"span":{"start":565,"end":576}},"bind":null,"kind":{"return":{"slot":{"up":0,"at":1}}},"effect":"barrier"}],"node_holes":[],"edge_property":"directed","edges":[[0,1,"data"]]},"value":null},"function":null,"barrier":true,"clauses":{"timeout_ms":null,"limit":null,"concurrency":null,"priority":0,"budget":{"calls":null,"time_ms":null,"cost":null,"depth":null},"before":null,"after":null,"on_error":null,"sample":null}}],"functions":[],"tools":{"store.put":{"name":"store.put","input":{"record":{"fields":{"collection":{"ty":{"string":null}},"id":{"ty":{"string":null}},"value":{"ty":"json"}}}},"output":{"record":{"fields":{"id":{"ty":{"marked":["untrusted",{"string":null}]}}}}},"capabilities":["store.write"],"idempotent":true,"accepts_key":null,"untrusted":false,"cost":0.0,"errors":{},"timeout_ms":30000}},"types":{"types":{}},"files":["a.flow","weir.toml"]}',-7342253082682989566);
INSERT INTO "plans" VALUES('sha256:a5ba24a24b92065e4ca887fda9cb3043c87ed3edbd8bf1cbd92183793230e6c0','{"version":1,"entry":1,"flows":[{"name":"a.parent","role":"coordinator","params":[],"returns":{"string":null},"can":["store.write"],"slots":2,"body":{"graph":{"nodes":[{"name":"run","loc":{"file":0,"span":{"start":405,"end":422}},"bind":0,"kind":{"act":{"target":{"start":{"flow":1,"args":{"record":[{"field":["n",{"const":3}]}]},"delay":null}},"result":1,"value":null,"timeout":null,"policy":[],"until":null,"handlers":[],"undo":null,"is_final":false,"key":null,"repeatable":false}},"effect":"barrier"},{"name":"return","loc":{"file":0,"span":{"start":425,"end":435}},"bind":null,"kind":{"return":{"slot":{"up":0,"at":0}}},"effect":"barrier"}],"node_holes":[],"edge_property":"directed","edges":[[0,1,"data"]]},"value":null},"function":null,"barrier":true,"clauses":{"timeout_ms":null,"limit":null,"concurrency":null,"priority":0,"budget":{"calls":null,"time_ms":null,"cost":null,"depth":null},"before":null,"after":null,"on_error":null,"sample":null}},{"name":"a.keeps","role":"executor","params":[{"name":"n","ty":{"int":{"lo":null,"hi":null}},"optional":false,"default":null}],"returns":{"record":{"fields":{"id":{"ty":{"string":null}}}}},"can":["store.write"],"slots":3,"body":{"graph":{"nodes":[{"name":"kept","loc":{"file":0,"span":{"start":507,"end":556}},"bind":1,"kind":{"act":{"target":{"tool":{"tool":"store.put","args":{"record":[{"field":["collection",{"const":"c"}]},{"field":["id",{"const":"3"}]},{"field":["value",{"record":[{"field":["n",{"slot":{"up":0,"at":0}}]}]}]}]}}},"result":2,"value":null,"timeout":null,"policy":[{"codes":["timeout","rate_limited","unavailable"],"retry":{"count":3,"lo_ms":200,"hi_ms":30000,"only_if_not_happened":false},"then":"fail"}],"until":null,"handlers":[],"undo":null,"is_final":true,"key":null,"repeatable":true}},"effect":"barrier"},{"name":"return","loc":{"file":0,"span":{"start":565,"end":576}},"bind":null,"kind":{"return":{"slot":{"up":0,"at":1}}},"effect":"barrier"}],"node_holes":[],"edge_property":"directed","edges":[[0,1,"data"]]},"value":null},"function":null,"barrier":true,"clauses":{"timeout_ms":null,"limit":null,"concurrency":null,"priority":0,"budget":{"calls":null,"time_ms":null,"cost":null,"depth":null},"before":null,"after":null,"on_error":null,"sample":null}}],"functions":[],"tools":{"store.put":{"name":"store.put","input":{"record":{"fields":{"collection":{"ty":{"string":null}},"id":{"ty":{"string":null}},"value":{"ty":"json"}}}},"output":{"record":{"fields":{"id":{"ty":{"marked":["untrusted",{"string":null}]}}}}},"capabilities":["store.write"],"idempotent":true,"accepts_key":null,"untrusted":false,"cost":0.0,"errors":{},"timeout_ms":30000}},"types":{"types":{}},"files":["a.flow","weir.toml"]}',-2832372753699565297);
CREATE TABLE posts (
  number INTEGER PRIMARY KEY,
  run    INTEGER NOT NULL,
  json   TEXT NOT NULL,
  sum    INTEGER NOT NULL
) STRICT;
CREATE TABLE runs (
  number      INTEGER PRIMARY KEY,
  run_id      TEXT NOT NULL UNIQUE,
  flow        TEXT NOT NULL,
  program     TEXT NOT NULL,
  status      TEXT NOT NULL,
  started_at  TEXT NOT NULL,
  finished_at TEXT,
  parent      TEXT,
  start_key   TEXT UNIQUE,
  next        INTEGER NOT NULL,
  owner       TEXT,
  token       INTEGER NOT NULL,
  sum         INTEGER NOT NULL
) STRICT;
INSERT INTO "runs" VALUES(1,'01a1fd43-8ea7-736b-a2cb-dd1a0b0b05c4','a.main','sha256:ea53d041f3c4da4a17de662959209580e9d1cd13f32b426f4edb9fc096d7c32f','waiting','2026-11-21T08:40:25.574532282Z',NULL,NULL,NULL,3,NULL,1,-2541118032439677459);
INSERT INTO "runs" VALUES(2,'01a1fd43-8f78-7063-83fc-4eaf952e69d7','a.undoes','sha256:20fd11dd35c304dd45b25328ff9645543066918e8fbed4e59c063b75b3458fd8','compensated','2026-11-21T08:40:25.750559607Z','2026-11-21T08:40:25.788327741Z',NULL,NULL,6,NULL,1,-5012199586894256820);
INSERT INTO "runs" VALUES(3,'01a1fd43-900e-708c-b3bc-624d1da5b99e','a.parent','sha256:ccb20d7ce7b681d9ed86047ab33ac608bfc3f7dd0e751a56a3ecd87aa51fc13e','succeeded','2026-11-21T08:40:25.898429267Z','2026-11-21T08:40:25.904309471Z',NULL,NULL,2,NULL,1,1189418337875453975);
INSERT INTO "runs" VALUES(4,'01a1fd43-902a-7235-a800-32a9414357e6','a.keeps','sha256:a5ba24a24b92065e4ca887fda9cb3043c87ed3edbd8bf1cbd92183793230e6c0','succeeded','2026-11-21T08:40:25.902535074Z','2026-11-21T08:40:25.929849362Z','01a1fd43-900e-708c-b3bc-624d1da5b99e',NULL,3,NULL,1,7377671714998638230);
CREATE TABLE workers (
  id    TEXT PRIMARY KEY,
  until INTEGER NOT NULL
) STRICT;
CREATE INDEX runs_unfinished ON runs (number) WHERE finished_at IS NULL;
CREATE INDEX runs_parent ON runs (parent) WHERE parent IS NOT NULL;
CREATE INDEX runs_owner ON runs (owner) WHERE owner IS NOT NULL;
CREATE INDEX events_large ON events (large) WHERE large IS NOT NULL;
CREATE INDEX keys_name ON keys (name);
CREATE VIEW journal AS
SELECT runs.run_id, runs.flow, events.seq,
       coalesce(json_extract(kind.value, '$.at'), '') AS at, kind.key AS kind,
       coalesce(json_extract(kind.value, '$.key.step'), '') AS step,
       json_extract(kind.value, '$.key.attempt') AS attempt,
       kind.value AS line, payloads.json AS large
FROM events
JOIN runs ON runs.number = events.run
JOIN json_each(coalesce(json_extract(events.json, '$.event'), events.json)) AS kind
LEFT JOIN payloads ON payloads.hash = events.large
ORDER BY runs.number, events.seq;
COMMIT;
PRAGMA application_id=1464158546;
PRAGMA user_version=2;
