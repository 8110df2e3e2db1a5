//! `users-delete`: deletes the caller, and all pictures of theirs.

use trichrome_pictures::{PictureStore, Places};
use trichrome_proto::users::DeleteUserRequest;
use trichrome_runtime::{Call, Env, Function};
use trichrome_users::{Error, Purge, Users};

struct Delete {
    users: Users,
    pictures: Pictures,
}

/// What goes with a user.
struct Pictures(PictureStore);

impl Purge for Pictures {
    type Error = trichrome_pictures::Error;

    async fn purge(&self, user_id: &str) -> Result<(), Self::Error> {
        self.0.purge(user_id).await.map(|_| ())
    }
}

impl Function for Delete {
    const NAME: &'static str = "users-delete";
    type Input = DeleteUserRequest;
    type Output = ();
    type Error = Error;

    fn build(env: &mut Env) -> Self {
        let places = Places {
            table: env.required("PICTURES_TABLE"),
            bucket: env.required("PICTURES_BUCKET"),
        };
        let (dynamodb, s3) = (env.aws("dynamodb"), env.aws("s3"));
        Self {
            users: trichrome_users::from_env(env),
            pictures: Pictures(PictureStore::new(&dynamodb, &s3, places)),
        }
    }

    async fn call(&self, _call: &Call, input: Self::Input) -> Result<(), Error> {
        self.users.delete(&input.user_id, &self.pictures).await
    }
}

fn main() -> std::process::ExitCode {
    trichrome_runtime::run::<Delete>()
}
