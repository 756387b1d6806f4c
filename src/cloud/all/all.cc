// SPDX-License-Identifier: Apache-2.0
#include "cloud/all/all.h"

#include "cloud/azure/azure.h"
#include "cloud/gcs/gcs.h"
#include "cloud/s3/s3.h"
#include "cloud/wrap/limited.h"

namespace tutti::cloud {

Openers all_openers(StoreServices services) {
  const auth::RunProgram run = auth::programs_on(services.local.files);
  auth::AzureMachine azure_machine = auth::azure_machine();
  azure_machine.run = run;
  Openers all = local::openers(services.local);
  all.merge(s3::openers({.http = services.http,
                         .buffers = services.local.buffers,
                         .secret = services.secret,
                         .run = run}));
  all.merge(azure::openers({.http = services.http,
                            .buffers = services.local.buffers,
                            .cpu = services.local.files,
                            .secret = services.secret,
                            .machine = std::move(azure_machine)}));
  all.merge(gcs::openers({.http = services.http,
                          .buffers = services.local.buffers,
                          .files = services.local.files,
                          .project = services.local.project,
                          .secret = services.secret}));
  return wrap::limited(std::move(all), wrap::limits_file(services.local.project));
}

}  // namespace tutti::cloud
