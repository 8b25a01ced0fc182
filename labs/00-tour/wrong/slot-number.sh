# shellcheck shell=sh
# A slot is taken for a requester id.
# Score: 45/50
# Says: answer 6 in labs/00-tour/answers.txt
sed -i 's/^6\. .*/6. 0x5/' labs/00-tour/answers.txt
