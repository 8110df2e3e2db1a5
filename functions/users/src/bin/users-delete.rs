//! `users-delete`: deletes the caller and all their pictures.

use trichrome_pictures::PictureStore;
use trichrome_proto::users::DeleteUserRequest;
use trichrome_runtime::{Call, Env, Function};
use trichrome_users::{Caller, Error, Users};

struct Delete {
    users: Users,
    pictures: PictureStore,
}

impl Function for Delete {
    const NAME: &'static str = "users-delete";
    type Input = DeleteUserRequest;
    type Output = ();
    type Error = Error;
    type Tokens = Users;

    fn build(env: &mut Env) -> Self {
        Self {
            users: Users::from_env(env),
            pictures: PictureStore::from_env(env),
        }
    }

    async fn call(&self, call: &Call, _: Self::Input) -> Result<(), Error> {
        self.users.delete(Caller::of(call), &self.pictures).await
    }
}

fn main() -> std::process::ExitCode {
    trichrome_runtime::run::<Delete>()
}
